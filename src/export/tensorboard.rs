//! Event files of TensorBoard: one directory and one file for each run, with curves, final values,
//! the settings for the HPARAMS tab, and the reason why a run failed.
//!
//! Scalars are `simple_value`, which every reader of event files knows: 32-bit floating point. The
//! numbers of fields are those of `event.proto`, `summary.proto`, `tensor.proto` and
//! `plugins/hparams/plugin_data.proto` of TensorBoard.

use std::collections::BTreeMap;

use serde_json::Value;

use super::protobuf::{ProtobufMessage, append_record};
use super::{Export, ExportedRun, text};
use crate::record::RunStatus;
use crate::results::ExperimentResults;

/// TensorBoard reads files with `.tfevents.` in their name.
const FILE: &str = "events.out.tfevents.0.ablade";

/// The event files of an experiment.
pub fn export(results: &ExperimentResults) -> Export {
    let files_of = |run: &ExportedRun| BTreeMap::from([(FILE.to_owned(), events(run))]);
    let folder = results.plan.name.clone();
    Export::new(results, folder, BTreeMap::new(), |run| run.place.clone(), files_of)
}

/// The event file of a run. Epochs have no time of their own: they have that of the start.
fn events(run: &ExportedRun) -> Vec<u8> {
    let (start, end) = run.times();
    let event =
        |time: f64, step: usize| ProtobufMessage::default().double(1, time).int(2, step as u64);
    let mut file = Vec::new();
    append_record(&mut file, &event(start, 0).text(3, "brain.Event:2"));
    let mut add = |time: f64, step: usize, values: Vec<ProtobufMessage>| {
        let summary = values
            .iter()
            .fold(ProtobufMessage::default(), |all, value| all.message(1, value));
        append_record(&mut file, &event(time, step).message(5, &summary));
    };
    add(
        start,
        0,
        vec![hparams("_hparams_/session_start_info", 3, &session_start(run, start))],
    );
    let mut epochs: BTreeMap<usize, Vec<ProtobufMessage>> = BTreeMap::new();
    for (name, points) in run.curves() {
        for (epoch, value) in points {
            epochs.entry(epoch).or_default().push(scalar(&format!("curves/{name}"), value));
        }
    }
    for (epoch, values) in epochs {
        add(start, epoch, values);
    }
    let finals = run.finals().into_iter();
    let finals: Vec<ProtobufMessage> =
        finals.map(|(name, value)| scalar(&format!("final/{name}"), value)).collect();
    if !finals.is_empty() {
        add(end, 0, finals);
    }
    if let Some(error) = &run.record.error {
        add(end, 0, vec![note("error", error)]);
    }
    let status = if run.record.status == RunStatus::Finished { SUCCESS } else { FAILURE };
    let session_end = ProtobufMessage::default().int(1, status).double(2, end);
    add(end, 0, vec![hparams("_hparams_/session_end_info", 4, &session_end)]);
    file
}

/// Values of `tensorboard.hparams.Status`.
const SUCCESS: u64 = 1;
const FAILURE: u64 = 2;
/// `DATA_CLASS_TENSOR` of `tensorboard.DataClass`.
const TENSOR: u64 = 2;
/// `DT_STRING` of `tensorboard.DataType`.
const STRING: u64 = 7;

fn scalar(tag: &str, value: f64) -> ProtobufMessage {
    ProtobufMessage::default().text(1, tag).float(2, value as f32)
}

/// Metadata of a value that belongs to a plugin.
fn of_plugin(name: &str, content: &ProtobufMessage) -> ProtobufMessage {
    let plugin = ProtobufMessage::default().text(1, name).message(2, content);
    ProtobufMessage::default().message(1, &plugin).int(4, TENSOR)
}

/// A value of the HPARAMS tab: all of it is in the metadata, in this field of
/// `HParamsPluginData`.
fn hparams(tag: &str, field: u64, content: &ProtobufMessage) -> ProtobufMessage {
    let data = ProtobufMessage::default().message(field, content);
    ProtobufMessage::default().text(1, tag).message(9, &of_plugin("hparams", &data))
}

/// A text of the TEXT tab.
fn note(tag: &str, text: &str) -> ProtobufMessage {
    let one = ProtobufMessage::default().int(1, 1);
    let shape = ProtobufMessage::default().message(2, &one);
    let tensor = ProtobufMessage::default().int(1, STRING).message(2, &shape).text(8, text);
    let metadata = of_plugin("text", &ProtobufMessage::default());
    ProtobufMessage::default()
        .text(1, tag)
        .message(8, &tensor)
        .message(9, &metadata)
}

/// Settings and start of a run.
fn session_start(run: &ExportedRun, start: f64) -> ProtobufMessage {
    let settings = run.settings();
    let entry = |all: ProtobufMessage, (name, value): (&String, &Value)| {
        let entry = ProtobufMessage::default().text(1, name).message(2, &typed(value));
        all.message(1, &entry)
    };
    settings.iter().fold(ProtobufMessage::default(), entry).double(5, start)
}

/// A setting as `google.protobuf.Value`. Its numbers are 64-bit floating point: a larger integer is
/// a text.
fn typed(value: &Value) -> ProtobufMessage {
    const EXACT: u64 = 1 << 53;
    let number = match value {
        Value::Number(n) if n.as_u64().is_some_and(|n| n > EXACT) => None,
        Value::Number(n) => n.as_f64(),
        _ => None,
    };
    match (value, number) {
        (_, Some(number)) => ProtobufMessage::default().double(2, number),
        (Value::Bool(flag), _) => ProtobufMessage::default().int(4, u64::from(*flag)),
        (value, _) => ProtobufMessage::default().text(3, &text(value)),
    }
}
