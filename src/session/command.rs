//! Command line that executes an experiment, quoted for a shell.

use std::path::Path;

use crate::experiment::Overrides;

/// Returns the command that asks for the same experiment, from the directory of its file.
pub fn sweep_command(file: &Path, overrides: &Overrides) -> String {
    let name = file.file_name();
    let name = name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let changes = overrides
        .set
        .iter()
        .map(|value| ("--set", value))
        .chain(overrides.axis.iter().map(|value| ("--axis", value)));
    let mut words = vec!["ablade".to_owned(), "sweep".to_owned(), quoted(&name)];
    words.extend(changes.flat_map(|(option, value)| [option.to_owned(), quoted(value)]));
    words.extend(
        overrides
            .seeds
            .iter()
            .flat_map(|seeds| ["--seeds".to_owned(), seeds.to_string()]),
    );
    words.extend(overrides.name.iter().flat_map(|name| ["--name".to_owned(), quoted(name)]));
    words.join(" ")
}

/// Quotes a word for a shell.
pub fn quoted(word: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "-_=.,/+:@%".contains(c);
    if !word.is_empty() && word.chars().all(safe) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Quotes the words of a command and joins them, as a shell has it.
pub fn quoted_command(words: &[String]) -> String {
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// The text in one line: for texts of other origin within a list, where a line break could look
/// like another entry.
pub(crate) fn one_line(text: &str) -> String {
    text.replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_what_a_shell_would_need() {
        let overrides = Overrides {
            set: vec!["train.epochs=3".into(), "model.hidden=[5, 5]".into()],
            axis: vec!["model.masks=1,4".into()],
            seeds: Some(2),
            only: vec!["masks 4".into()],
            name: None,
        };
        let expected = r"ablade sweep 'it'\''s mine.toml' --set train.epochs=3 --set 'model.hidden=[5, 5]' --axis model.masks=1,4 --seeds 2";
        assert_eq!(sweep_command("experiments/it's mine.toml".as_ref(), &overrides), expected);
    }
}
