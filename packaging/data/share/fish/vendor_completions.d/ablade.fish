# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_ablade_global_optspecs
    string join \n results= plots= data-dir= color= progress= h/help V/version
end

function __fish_ablade_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_ablade_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_ablade_using_subcommand
    set -l cmd (__fish_ablade_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c ablade -n "__fish_ablade_needs_command" -l results -d 'Directory of runs and tables' -r -F
complete -c ablade -n "__fish_ablade_needs_command" -l plots -d 'Directory of figures' -r -F
complete -c ablade -n "__fish_ablade_needs_command" -l data-dir -d 'Directory of downloaded data sets [default: $ABLADE_DATA, else the user\'s data folder]' -r -F
complete -c ablade -n "__fish_ablade_needs_command" -l color -d 'Colours' -r -f -a "auto\t'If stderr is a terminal that supports them, and `NO_COLOR` and `CLICOLOR` permit them'
always\t'Always'
never\t'Never'"
complete -c ablade -n "__fish_ablade_needs_command" -l progress -d 'Display of progress while runs train' -r -f -a "auto\t'Bars if stderr is a terminal, plain lines otherwise'
bar\t'Bars'
plain\t'One line per event'
json\t'One JSON object per line, for programs'
none\t'Nothing but errors'"
complete -c ablade -n "__fish_ablade_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ablade -n "__fish_ablade_needs_command" -s V -l version -d 'Print version'
complete -c ablade -n "__fish_ablade_needs_command" -f -a "init" -d 'Write a commented experiment to begin with'
complete -c ablade -n "__fish_ablade_needs_command" -f -a "plan" -d 'Show the runs of a sweep, their cost and the effects that they can detect; executes nothing'
complete -c ablade -n "__fish_ablade_needs_command" -f -a "register" -d 'Fix design, seeds, metric and test of an experiment before its runs'
complete -c ablade -n "__fish_ablade_needs_command" -f -a "sweep" -d 'Execute the outstanding runs and write the tables'
complete -c ablade -n "__fish_ablade_needs_command" -f -a "status" -d 'Show run counts by state'
complete -c ablade -n "__fish_ablade_needs_command" -f -a "cancel" -d 'Cancel the jobs that were submitted to a cluster'
complete -c ablade -n "__fish_ablade_needs_command" -f -a "adopt" -d 'Take over runs of an earlier version of a program after an edit that changes no result'
complete -c ablade -n "__fish_ablade_needs_command" -f -a "tables" -d 'Write the tables of experiments from the runs on disk'
complete -c ablade -n "__fish_ablade_needs_command" -f -a "freeze" -d 'Freeze the outstanding runs as tasks that any scheduler can start'
complete -c ablade -n "__fish_ablade_needs_command" -f -a "task" -d 'Execute the runs of one frozen task'
complete -c ablade -n "__fish_ablade_needs_command" -f -a "gather" -d 'Take over finished runs of other results directories, or of a tar archive'
complete -c ablade -n "__fish_ablade_needs_command" -f -a "why" -d 'Explain why each run is cached or new'
complete -c ablade -n "__fish_ablade_needs_command" -f -a "verify" -d 'Check the files of every finished run, repeat some runs and compare the bytes, and compute the tables again'
complete -c ablade -n "__fish_ablade_needs_command" -f -a "clean" -d 'List files in the results that nothing needs any more, or remove them'
complete -c ablade -n "__fish_ablade_needs_command" -f -a "compare" -d 'Print the ablation table of an experiment, or two experiments side by side'
complete -c ablade -n "__fish_ablade_needs_command" -f -a "plots" -d 'Render figures and the HTML report'
complete -c ablade -n "__fish_ablade_needs_command" -f -a "export" -d 'Write all runs of an experiment for TensorBoard or MLflow'
complete -c ablade -n "__fish_ablade_needs_command" -f -a "sample" -d 'Draw images from a trained model'
complete -c ablade -n "__fish_ablade_needs_command" -f -a "inpaint" -d 'Complete images from some of their pixels, or reconstruct them'
complete -c ablade -n "__fish_ablade_needs_command" -f -a "evaluate" -d 'Score a trained model on a data set: exact likelihoods'
complete -c ablade -n "__fish_ablade_needs_command" -f -a "masks" -d 'Write the masks with which a run was scored, as arrays'
complete -c ablade -n "__fish_ablade_needs_command" -f -a "data" -d 'List, download or look at data sets'
complete -c ablade -n "__fish_ablade_needs_command" -f -a "schema" -d 'Print the JSON Schema of the experiment file, or of what a command prints with --json'
complete -c ablade -n "__fish_ablade_needs_command" -f -a "completions" -d 'Print completions for a shell'
complete -c ablade -n "__fish_ablade_needs_command" -f -a "man" -d 'Print the man page'
complete -c ablade -n "__fish_ablade_using_subcommand init" -l program -d 'Write an experiment with this program instead of the built-in model' -r
complete -c ablade -n "__fish_ablade_using_subcommand init" -l results -d 'Directory of runs and tables' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand init" -l plots -d 'Directory of figures' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand init" -l data-dir -d 'Directory of downloaded data sets [default: $ABLADE_DATA, else the user\'s data folder]' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand init" -l color -d 'Colours' -r -f -a "auto\t'If stderr is a terminal that supports them, and `NO_COLOR` and `CLICOLOR` permit them'
always\t'Always'
never\t'Never'"
complete -c ablade -n "__fish_ablade_using_subcommand init" -l progress -d 'Display of progress while runs train' -r -f -a "auto\t'Bars if stderr is a terminal, plain lines otherwise'
bar\t'Bars'
plain\t'One line per event'
json\t'One JSON object per line, for programs'
none\t'Nothing but errors'"
complete -c ablade -n "__fish_ablade_using_subcommand init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ablade -n "__fish_ablade_using_subcommand init" -s V -l version -d 'Print version'
complete -c ablade -n "__fish_ablade_using_subcommand plan" -l set -d 'Change a setting of the baseline: train.epochs=3' -r
complete -c ablade -n "__fish_ablade_using_subcommand plan" -l axis -d 'Add an axis, or replace one: model.masks=1,4' -r
complete -c ablade -n "__fish_ablade_using_subcommand plan" -l seeds -d 'Number of seeds of each variant' -r
complete -c ablade -n "__fish_ablade_using_subcommand plan" -l only -d 'Execute only the variants with this label, and the baseline' -r
complete -c ablade -n "__fish_ablade_using_subcommand plan" -l name -d 'Name of the experiment, and so of its folder of tables and figures [default: that of the file]' -r
complete -c ablade -n "__fish_ablade_using_subcommand plan" -l jobs -d 'Number of threads, and so of runs at a time [default: one per processor]' -r
complete -c ablade -n "__fish_ablade_using_subcommand plan" -l results -d 'Directory of runs and tables' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand plan" -l plots -d 'Directory of figures' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand plan" -l data-dir -d 'Directory of downloaded data sets [default: $ABLADE_DATA, else the user\'s data folder]' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand plan" -l color -d 'Colours' -r -f -a "auto\t'If stderr is a terminal that supports them, and `NO_COLOR` and `CLICOLOR` permit them'
always\t'Always'
never\t'Never'"
complete -c ablade -n "__fish_ablade_using_subcommand plan" -l progress -d 'Display of progress while runs train' -r -f -a "auto\t'Bars if stderr is a terminal, plain lines otherwise'
bar\t'Bars'
plain\t'One line per event'
json\t'One JSON object per line, for programs'
none\t'Nothing but errors'"
complete -c ablade -n "__fish_ablade_using_subcommand plan" -l json -d 'Print one JSON document, for programs: `ablade schema` has its keys'
complete -c ablade -n "__fish_ablade_using_subcommand plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ablade -n "__fish_ablade_using_subcommand plan" -s V -l version -d 'Print version'
complete -c ablade -n "__fish_ablade_using_subcommand register" -l set -d 'Change a setting of the baseline: train.epochs=3' -r
complete -c ablade -n "__fish_ablade_using_subcommand register" -l axis -d 'Add an axis, or replace one: model.masks=1,4' -r
complete -c ablade -n "__fish_ablade_using_subcommand register" -l seeds -d 'Number of seeds of each variant' -r
complete -c ablade -n "__fish_ablade_using_subcommand register" -l only -d 'Execute only the variants with this label, and the baseline' -r
complete -c ablade -n "__fish_ablade_using_subcommand register" -l name -d 'Name of the experiment, and so of its folder of tables and figures [default: that of the file]' -r
complete -c ablade -n "__fish_ablade_using_subcommand register" -l results -d 'Directory of runs and tables' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand register" -l plots -d 'Directory of figures' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand register" -l data-dir -d 'Directory of downloaded data sets [default: $ABLADE_DATA, else the user\'s data folder]' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand register" -l color -d 'Colours' -r -f -a "auto\t'If stderr is a terminal that supports them, and `NO_COLOR` and `CLICOLOR` permit them'
always\t'Always'
never\t'Never'"
complete -c ablade -n "__fish_ablade_using_subcommand register" -l progress -d 'Display of progress while runs train' -r -f -a "auto\t'Bars if stderr is a terminal, plain lines otherwise'
bar\t'Bars'
plain\t'One line per event'
json\t'One JSON object per line, for programs'
none\t'Nothing but errors'"
complete -c ablade -n "__fish_ablade_using_subcommand register" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ablade -n "__fish_ablade_using_subcommand register" -s V -l version -d 'Print version'
complete -c ablade -n "__fish_ablade_using_subcommand sweep" -l set -d 'Change a setting of the baseline: train.epochs=3' -r
complete -c ablade -n "__fish_ablade_using_subcommand sweep" -l axis -d 'Add an axis, or replace one: model.masks=1,4' -r
complete -c ablade -n "__fish_ablade_using_subcommand sweep" -l seeds -d 'Number of seeds of each variant' -r
complete -c ablade -n "__fish_ablade_using_subcommand sweep" -l only -d 'Execute only the variants with this label, and the baseline' -r
complete -c ablade -n "__fish_ablade_using_subcommand sweep" -l name -d 'Name of the experiment, and so of its folder of tables and figures [default: that of the file]' -r
complete -c ablade -n "__fish_ablade_using_subcommand sweep" -l jobs -d 'Number of threads, and so of runs at a time [default: one per processor]' -r
complete -c ablade -n "__fish_ablade_using_subcommand sweep" -l shard -d 'Train only part I of N of the runs, for several machines on one results directory' -r
complete -c ablade -n "__fish_ablade_using_subcommand sweep" -l max-failures -d 'Start no further run once N have failed' -r
complete -c ablade -n "__fish_ablade_using_subcommand sweep" -l launcher -d 'Machine that executes the runs [default: execution.launcher of the file, else local]' -r -f -a "local\t'In this process'
slurm\t'As tasks of a Slurm cluster'
command\t'As tasks of the scheduler of `[execution.command]`'"
complete -c ablade -n "__fish_ablade_using_subcommand sweep" -l results -d 'Directory of runs and tables' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand sweep" -l plots -d 'Directory of figures' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand sweep" -l data-dir -d 'Directory of downloaded data sets [default: $ABLADE_DATA, else the user\'s data folder]' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand sweep" -l color -d 'Colours' -r -f -a "auto\t'If stderr is a terminal that supports them, and `NO_COLOR` and `CLICOLOR` permit them'
always\t'Always'
never\t'Never'"
complete -c ablade -n "__fish_ablade_using_subcommand sweep" -l progress -d 'Display of progress while runs train' -r -f -a "auto\t'Bars if stderr is a terminal, plain lines otherwise'
bar\t'Bars'
plain\t'One line per event'
json\t'One JSON object per line, for programs'
none\t'Nothing but errors'"
complete -c ablade -n "__fish_ablade_using_subcommand sweep" -l yes -d 'Start even if the estimate exceeds [budget], or a run needs more memory than there is; ask for the jobs of earlier submissions that were not made here by the commands that they name'
complete -c ablade -n "__fish_ablade_using_subcommand sweep" -l replace -d 'Replace the tables of another plan; its runs and the plan itself remain'
complete -c ablade -n "__fish_ablade_using_subcommand sweep" -l no-follow -d 'Submit and return; the same command without this option follows the jobs'
complete -c ablade -n "__fish_ablade_using_subcommand sweep" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ablade -n "__fish_ablade_using_subcommand sweep" -s V -l version -d 'Print version'
complete -c ablade -n "__fish_ablade_using_subcommand status" -l results -d 'Directory of runs and tables' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand status" -l plots -d 'Directory of figures' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand status" -l data-dir -d 'Directory of downloaded data sets [default: $ABLADE_DATA, else the user\'s data folder]' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand status" -l color -d 'Colours' -r -f -a "auto\t'If stderr is a terminal that supports them, and `NO_COLOR` and `CLICOLOR` permit them'
always\t'Always'
never\t'Never'"
complete -c ablade -n "__fish_ablade_using_subcommand status" -l progress -d 'Display of progress while runs train' -r -f -a "auto\t'Bars if stderr is a terminal, plain lines otherwise'
bar\t'Bars'
plain\t'One line per event'
json\t'One JSON object per line, for programs'
none\t'Nothing but errors'"
complete -c ablade -n "__fish_ablade_using_subcommand status" -l json -d 'Print one JSON document, for programs: `ablade schema` has its keys'
complete -c ablade -n "__fish_ablade_using_subcommand status" -l yes -d 'Start the commands of a scheduler even if the results were not made here'
complete -c ablade -n "__fish_ablade_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ablade -n "__fish_ablade_using_subcommand status" -s V -l version -d 'Print version'
complete -c ablade -n "__fish_ablade_using_subcommand cancel" -l results -d 'Directory of runs and tables' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand cancel" -l plots -d 'Directory of figures' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand cancel" -l data-dir -d 'Directory of downloaded data sets [default: $ABLADE_DATA, else the user\'s data folder]' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand cancel" -l color -d 'Colours' -r -f -a "auto\t'If stderr is a terminal that supports them, and `NO_COLOR` and `CLICOLOR` permit them'
always\t'Always'
never\t'Never'"
complete -c ablade -n "__fish_ablade_using_subcommand cancel" -l progress -d 'Display of progress while runs train' -r -f -a "auto\t'Bars if stderr is a terminal, plain lines otherwise'
bar\t'Bars'
plain\t'One line per event'
json\t'One JSON object per line, for programs'
none\t'Nothing but errors'"
complete -c ablade -n "__fish_ablade_using_subcommand cancel" -l yes -d 'Start the commands of a scheduler even if the results were not made here'
complete -c ablade -n "__fish_ablade_using_subcommand cancel" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ablade -n "__fish_ablade_using_subcommand cancel" -s V -l version -d 'Print version'
complete -c ablade -n "__fish_ablade_using_subcommand adopt" -l set -d 'Change a setting of the baseline: train.epochs=3' -r
complete -c ablade -n "__fish_ablade_using_subcommand adopt" -l axis -d 'Add an axis, or replace one: model.masks=1,4' -r
complete -c ablade -n "__fish_ablade_using_subcommand adopt" -l seeds -d 'Number of seeds of each variant' -r
complete -c ablade -n "__fish_ablade_using_subcommand adopt" -l only -d 'Execute only the variants with this label, and the baseline' -r
complete -c ablade -n "__fish_ablade_using_subcommand adopt" -l name -d 'Name of the experiment, and so of its folder of tables and figures [default: that of the file]' -r
complete -c ablade -n "__fish_ablade_using_subcommand adopt" -l reason -d 'Reason why the edit cannot change results, which tables and page show' -r
complete -c ablade -n "__fish_ablade_using_subcommand adopt" -l jobs -d 'Number of threads, and so of runs at a time [default: one per processor]' -r
complete -c ablade -n "__fish_ablade_using_subcommand adopt" -l results -d 'Directory of runs and tables' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand adopt" -l plots -d 'Directory of figures' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand adopt" -l data-dir -d 'Directory of downloaded data sets [default: $ABLADE_DATA, else the user\'s data folder]' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand adopt" -l color -d 'Colours' -r -f -a "auto\t'If stderr is a terminal that supports them, and `NO_COLOR` and `CLICOLOR` permit them'
always\t'Always'
never\t'Never'"
complete -c ablade -n "__fish_ablade_using_subcommand adopt" -l progress -d 'Display of progress while runs train' -r -f -a "auto\t'Bars if stderr is a terminal, plain lines otherwise'
bar\t'Bars'
plain\t'One line per event'
json\t'One JSON object per line, for programs'
none\t'Nothing but errors'"
complete -c ablade -n "__fish_ablade_using_subcommand adopt" -l close -d 'Accept values that agree to six digits, not to the last bit'
complete -c ablade -n "__fish_ablade_using_subcommand adopt" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ablade -n "__fish_ablade_using_subcommand adopt" -s V -l version -d 'Print version'
complete -c ablade -n "__fish_ablade_using_subcommand tables" -l results -d 'Directory of runs and tables' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand tables" -l plots -d 'Directory of figures' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand tables" -l data-dir -d 'Directory of downloaded data sets [default: $ABLADE_DATA, else the user\'s data folder]' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand tables" -l color -d 'Colours' -r -f -a "auto\t'If stderr is a terminal that supports them, and `NO_COLOR` and `CLICOLOR` permit them'
always\t'Always'
never\t'Never'"
complete -c ablade -n "__fish_ablade_using_subcommand tables" -l progress -d 'Display of progress while runs train' -r -f -a "auto\t'Bars if stderr is a terminal, plain lines otherwise'
bar\t'Bars'
plain\t'One line per event'
json\t'One JSON object per line, for programs'
none\t'Nothing but errors'"
complete -c ablade -n "__fish_ablade_using_subcommand tables" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ablade -n "__fish_ablade_using_subcommand tables" -s V -l version -d 'Print version'
complete -c ablade -n "__fish_ablade_using_subcommand freeze" -l set -d 'Change a setting of the baseline: train.epochs=3' -r
complete -c ablade -n "__fish_ablade_using_subcommand freeze" -l axis -d 'Add an axis, or replace one: model.masks=1,4' -r
complete -c ablade -n "__fish_ablade_using_subcommand freeze" -l seeds -d 'Number of seeds of each variant' -r
complete -c ablade -n "__fish_ablade_using_subcommand freeze" -l only -d 'Execute only the variants with this label, and the baseline' -r
complete -c ablade -n "__fish_ablade_using_subcommand freeze" -l name -d 'Name of the experiment, and so of its folder of tables and figures [default: that of the file]' -r
complete -c ablade -n "__fish_ablade_using_subcommand freeze" -l tasks -d 'Number of tasks, at most that of the runs [default: such that each lasts execution.slurm.task, or five minutes]' -r
complete -c ablade -n "__fish_ablade_using_subcommand freeze" -l for -d 'Write the file that starts the tasks, and print the command instead of the name' -r -f -a "command\t'A shell script that any scheduler can start'
k8s\t'An Indexed Job of Kubernetes'
parallel\t'A list of commands for GNU parallel'"
complete -c ablade -n "__fish_ablade_using_subcommand freeze" -l image -d 'Image of a Kubernetes Job, with ablade on its PATH [default: to be written into the file]' -r
complete -c ablade -n "__fish_ablade_using_subcommand freeze" -l claim -d 'PersistentVolumeClaim of a Kubernetes Job, with folders `results` and `data` [default: ablade]' -r
complete -c ablade -n "__fish_ablade_using_subcommand freeze" -l results -d 'Directory of runs and tables' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand freeze" -l plots -d 'Directory of figures' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand freeze" -l data-dir -d 'Directory of downloaded data sets [default: $ABLADE_DATA, else the user\'s data folder]' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand freeze" -l color -d 'Colours' -r -f -a "auto\t'If stderr is a terminal that supports them, and `NO_COLOR` and `CLICOLOR` permit them'
always\t'Always'
never\t'Never'"
complete -c ablade -n "__fish_ablade_using_subcommand freeze" -l progress -d 'Display of progress while runs train' -r -f -a "auto\t'Bars if stderr is a terminal, plain lines otherwise'
bar\t'Bars'
plain\t'One line per event'
json\t'One JSON object per line, for programs'
none\t'Nothing but errors'"
complete -c ablade -n "__fish_ablade_using_subcommand freeze" -l replace -d 'Replace the tables of another plan; its runs and the plan itself remain'
complete -c ablade -n "__fish_ablade_using_subcommand freeze" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ablade -n "__fish_ablade_using_subcommand freeze" -s V -l version -d 'Print version'
complete -c ablade -n "__fish_ablade_using_subcommand task" -l first -d 'Number of the first task in the scheduler\'s array, where it is not that of the list below' -r
complete -c ablade -n "__fish_ablade_using_subcommand task" -l jobs -d 'Number of threads, and so of runs at a time [default: one per processor]' -r
complete -c ablade -n "__fish_ablade_using_subcommand task" -l results -d 'Directory of runs and tables' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand task" -l plots -d 'Directory of figures' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand task" -l data-dir -d 'Directory of downloaded data sets [default: $ABLADE_DATA, else the user\'s data folder]' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand task" -l color -d 'Colours' -r -f -a "auto\t'If stderr is a terminal that supports them, and `NO_COLOR` and `CLICOLOR` permit them'
always\t'Always'
never\t'Never'"
complete -c ablade -n "__fish_ablade_using_subcommand task" -l progress -d 'Display of progress while runs train' -r -f -a "auto\t'Bars if stderr is a terminal, plain lines otherwise'
bar\t'Bars'
plain\t'One line per event'
json\t'One JSON object per line, for programs'
none\t'Nothing but errors'"
complete -c ablade -n "__fish_ablade_using_subcommand task" -l yes -d 'Start the program even if the results were not made here'
complete -c ablade -n "__fish_ablade_using_subcommand task" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ablade -n "__fish_ablade_using_subcommand task" -s V -l version -d 'Print version'
complete -c ablade -n "__fish_ablade_using_subcommand gather" -l results -d 'Directory of runs and tables' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand gather" -l plots -d 'Directory of figures' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand gather" -l data-dir -d 'Directory of downloaded data sets [default: $ABLADE_DATA, else the user\'s data folder]' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand gather" -l color -d 'Colours' -r -f -a "auto\t'If stderr is a terminal that supports them, and `NO_COLOR` and `CLICOLOR` permit them'
always\t'Always'
never\t'Never'"
complete -c ablade -n "__fish_ablade_using_subcommand gather" -l progress -d 'Display of progress while runs train' -r -f -a "auto\t'Bars if stderr is a terminal, plain lines otherwise'
bar\t'Bars'
plain\t'One line per event'
json\t'One JSON object per line, for programs'
none\t'Nothing but errors'"
complete -c ablade -n "__fish_ablade_using_subcommand gather" -l check -d 'Examine the sources and say what would be taken'
complete -c ablade -n "__fish_ablade_using_subcommand gather" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ablade -n "__fish_ablade_using_subcommand gather" -s V -l version -d 'Print version'
complete -c ablade -n "__fish_ablade_using_subcommand why" -l set -d 'Change a setting of the baseline: train.epochs=3' -r
complete -c ablade -n "__fish_ablade_using_subcommand why" -l axis -d 'Add an axis, or replace one: model.masks=1,4' -r
complete -c ablade -n "__fish_ablade_using_subcommand why" -l seeds -d 'Number of seeds of each variant' -r
complete -c ablade -n "__fish_ablade_using_subcommand why" -l only -d 'Execute only the variants with this label, and the baseline' -r
complete -c ablade -n "__fish_ablade_using_subcommand why" -l name -d 'Name of the experiment, and so of its folder of tables and figures [default: that of the file]' -r
complete -c ablade -n "__fish_ablade_using_subcommand why" -l results -d 'Directory of runs and tables' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand why" -l plots -d 'Directory of figures' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand why" -l data-dir -d 'Directory of downloaded data sets [default: $ABLADE_DATA, else the user\'s data folder]' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand why" -l color -d 'Colours' -r -f -a "auto\t'If stderr is a terminal that supports them, and `NO_COLOR` and `CLICOLOR` permit them'
always\t'Always'
never\t'Never'"
complete -c ablade -n "__fish_ablade_using_subcommand why" -l progress -d 'Display of progress while runs train' -r -f -a "auto\t'Bars if stderr is a terminal, plain lines otherwise'
bar\t'Bars'
plain\t'One line per event'
json\t'One JSON object per line, for programs'
none\t'Nothing but errors'"
complete -c ablade -n "__fish_ablade_using_subcommand why" -l json -d 'Print one JSON document, for programs: `ablade schema` has its keys'
complete -c ablade -n "__fish_ablade_using_subcommand why" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ablade -n "__fish_ablade_using_subcommand why" -s V -l version -d 'Print version'
complete -c ablade -n "__fish_ablade_using_subcommand verify" -l runs -d 'Number of finished runs to repeat, spread over the study; of all others only the checksums are verified' -r
complete -c ablade -n "__fish_ablade_using_subcommand verify" -l jobs -d 'Number of threads, and so of runs at a time [default: one per processor]' -r
complete -c ablade -n "__fish_ablade_using_subcommand verify" -l results -d 'Directory of runs and tables' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand verify" -l plots -d 'Directory of figures' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand verify" -l data-dir -d 'Directory of downloaded data sets [default: $ABLADE_DATA, else the user\'s data folder]' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand verify" -l color -d 'Colours' -r -f -a "auto\t'If stderr is a terminal that supports them, and `NO_COLOR` and `CLICOLOR` permit them'
always\t'Always'
never\t'Never'"
complete -c ablade -n "__fish_ablade_using_subcommand verify" -l progress -d 'Display of progress while runs train' -r -f -a "auto\t'Bars if stderr is a terminal, plain lines otherwise'
bar\t'Bars'
plain\t'One line per event'
json\t'One JSON object per line, for programs'
none\t'Nothing but errors'"
complete -c ablade -n "__fish_ablade_using_subcommand verify" -l reference -d 'Train them by automatic differentiation instead of the kernels, in single and double precision, and compare the NLL of every epoch and every weight; slow'
complete -c ablade -n "__fish_ablade_using_subcommand verify" -l yes -d 'Start the program even if the results were not made here'
complete -c ablade -n "__fish_ablade_using_subcommand verify" -l json -d 'Print one JSON document, for programs: `ablade schema` has its keys'
complete -c ablade -n "__fish_ablade_using_subcommand verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ablade -n "__fish_ablade_using_subcommand verify" -s V -l version -d 'Print version'
complete -c ablade -n "__fish_ablade_using_subcommand clean" -l age -d 'Keep files that were created or changed within this time, even if no plan names them: a copy of results may be in progress, and plans are copied last' -r
complete -c ablade -n "__fish_ablade_using_subcommand clean" -l results -d 'Directory of runs and tables' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand clean" -l plots -d 'Directory of figures' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand clean" -l data-dir -d 'Directory of downloaded data sets [default: $ABLADE_DATA, else the user\'s data folder]' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand clean" -l color -d 'Colours' -r -f -a "auto\t'If stderr is a terminal that supports them, and `NO_COLOR` and `CLICOLOR` permit them'
always\t'Always'
never\t'Never'"
complete -c ablade -n "__fish_ablade_using_subcommand clean" -l progress -d 'Display of progress while runs train' -r -f -a "auto\t'Bars if stderr is a terminal, plain lines otherwise'
bar\t'Bars'
plain\t'One line per event'
json\t'One JSON object per line, for programs'
none\t'Nothing but errors'"
complete -c ablade -n "__fish_ablade_using_subcommand clean" -l yes -d 'Remove the listed files'
complete -c ablade -n "__fish_ablade_using_subcommand clean" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ablade -n "__fish_ablade_using_subcommand clean" -s V -l version -d 'Print version'
complete -c ablade -n "__fish_ablade_using_subcommand compare" -l baseline -d 'Compare with this variant instead of the baseline' -r
complete -c ablade -n "__fish_ablade_using_subcommand compare" -l format -d 'Print the tables for a paper, or as rows of a table' -r -f -a "latex\t'For a paper; needs the package booktabs'
markdown\t'For a README'
csv\t'Every column, as in `ablation.csv`'
json\t'The same, with captions and sentences'"
complete -c ablade -n "__fish_ablade_using_subcommand compare" -l out -d 'Write the tables to a file, in the format of its ending: .csv, .xlsx, .md, .tex or .json' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand compare" -l other-results -d 'Results directory of the second experiment [default: that of the first]' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand compare" -l results -d 'Directory of runs and tables' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand compare" -l plots -d 'Directory of figures' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand compare" -l data-dir -d 'Directory of downloaded data sets [default: $ABLADE_DATA, else the user\'s data folder]' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand compare" -l color -d 'Colours' -r -f -a "auto\t'If stderr is a terminal that supports them, and `NO_COLOR` and `CLICOLOR` permit them'
always\t'Always'
never\t'Never'"
complete -c ablade -n "__fish_ablade_using_subcommand compare" -l progress -d 'Display of progress while runs train' -r -f -a "auto\t'Bars if stderr is a terminal, plain lines otherwise'
bar\t'Bars'
plain\t'One line per event'
json\t'One JSON object per line, for programs'
none\t'Nothing but errors'"
complete -c ablade -n "__fish_ablade_using_subcommand compare" -l checklist -d 'Print what reviewers ask about error bars and compute, instead of the tables'
complete -c ablade -n "__fish_ablade_using_subcommand compare" -l replace -d 'Replace the file of --out'
complete -c ablade -n "__fish_ablade_using_subcommand compare" -l json -d 'Print one JSON document, for programs: `ablade schema` has its keys'
complete -c ablade -n "__fish_ablade_using_subcommand compare" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ablade -n "__fish_ablade_using_subcommand compare" -s V -l version -d 'Print version'
complete -c ablade -n "__fish_ablade_using_subcommand plots" -l gallery -d 'Also write small PNGs of the main figures here, and a README.md that shows them' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand plots" -l width -d 'Width on paper: 85mm, 8.5cm, 3.35in, 241pt; text stays at 6 pt or more [default: as wide as the content]' -r
complete -c ablade -n "__fish_ablade_using_subcommand plots" -l bare -d 'Neither title nor subtitle: a paper has captions' -r -f -a "true\t''
false\t''"
complete -c ablade -n "__fish_ablade_using_subcommand plots" -l only -d 'Only these figures, by the names of their files; others stay as they are' -r
complete -c ablade -n "__fish_ablade_using_subcommand plots" -l format -d 'Only these formats: svg, png, pdf; files of others stay as they are' -r
complete -c ablade -n "__fish_ablade_using_subcommand plots" -l dpi -d 'Pixels per inch of PNG [default: 300 on paper of a width, else 192]' -r
complete -c ablade -n "__fish_ablade_using_subcommand plots" -l text -d 'Form of text in SVG and PDF' -r -f -a "text\t''
outlines\t''"
complete -c ablade -n "__fish_ablade_using_subcommand plots" -l results -d 'Directory of runs and tables' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand plots" -l plots -d 'Directory of figures' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand plots" -l data-dir -d 'Directory of downloaded data sets [default: $ABLADE_DATA, else the user\'s data folder]' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand plots" -l color -d 'Colours' -r -f -a "auto\t'If stderr is a terminal that supports them, and `NO_COLOR` and `CLICOLOR` permit them'
always\t'Always'
never\t'Never'"
complete -c ablade -n "__fish_ablade_using_subcommand plots" -l progress -d 'Display of progress while runs train' -r -f -a "auto\t'Bars if stderr is a terminal, plain lines otherwise'
bar\t'Bars'
plain\t'One line per event'
json\t'One JSON object per line, for programs'
none\t'Nothing but errors'"
complete -c ablade -n "__fish_ablade_using_subcommand plots" -l watch -d 'Draw again whenever runs have finished, until Ctrl-C'
complete -c ablade -n "__fish_ablade_using_subcommand plots" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ablade -n "__fish_ablade_using_subcommand plots" -s V -l version -d 'Print version'
complete -c ablade -n "__fish_ablade_using_subcommand export" -l out -d 'Directory that the program reads: several experiments may share it' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand export" -l results -d 'Directory of runs and tables' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand export" -l plots -d 'Directory of figures' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand export" -l data-dir -d 'Directory of downloaded data sets [default: $ABLADE_DATA, else the user\'s data folder]' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand export" -l color -d 'Colours' -r -f -a "auto\t'If stderr is a terminal that supports them, and `NO_COLOR` and `CLICOLOR` permit them'
always\t'Always'
never\t'Never'"
complete -c ablade -n "__fish_ablade_using_subcommand export" -l progress -d 'Display of progress while runs train' -r -f -a "auto\t'Bars if stderr is a terminal, plain lines otherwise'
bar\t'Bars'
plain\t'One line per event'
json\t'One JSON object per line, for programs'
none\t'Nothing but errors'"
complete -c ablade -n "__fish_ablade_using_subcommand export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ablade -n "__fish_ablade_using_subcommand export" -s V -l version -d 'Print version'
complete -c ablade -n "__fish_ablade_using_subcommand sample" -l jobs -d 'Number of threads [default: one per processor]' -r
complete -c ablade -n "__fish_ablade_using_subcommand sample" -l count -d 'Images to draw [default: as many as the study drew]' -r
complete -c ablade -n "__fish_ablade_using_subcommand sample" -l seed -d 'Seed of the drawing [default: the run\'s own]' -r
complete -c ablade -n "__fish_ablade_using_subcommand sample" -l temperature -d 'Divide every logit by T: below 1 samples get sharper and less diverse, above 1 more random' -r
complete -c ablade -n "__fish_ablade_using_subcommand sample" -l masks -d 'Average the conditionals of the first K masks at every pixel; they must share one ordering' -r
complete -c ablade -n "__fish_ablade_using_subcommand sample" -l mask -d 'Use one mask alone, counted from 1 [default: the first]' -r
complete -c ablade -n "__fish_ablade_using_subcommand sample" -l order -d 'Order of the pixels: model, or inverse, a mistake in published code, as a negative control [default: the run\'s own]' -r
complete -c ablade -n "__fish_ablade_using_subcommand sample" -l class -d 'Draw this class alone, a name or a number from 0, from a model that is told the class [default: every class in turn]' -r
complete -c ablade -n "__fish_ablade_using_subcommand sample" -l out -d 'Output files, repeatable: .png, .npy, .idx or .csv; of rows of a table .npy or .csv [default: sample-RUN.png, or sample-RUN.csv, among the plots]' -r
complete -c ablade -n "__fish_ablade_using_subcommand sample" -l results -d 'Directory of runs and tables' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand sample" -l plots -d 'Directory of figures' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand sample" -l data-dir -d 'Directory of downloaded data sets [default: $ABLADE_DATA, else the user\'s data folder]' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand sample" -l color -d 'Colours' -r -f -a "auto\t'If stderr is a terminal that supports them, and `NO_COLOR` and `CLICOLOR` permit them'
always\t'Always'
never\t'Never'"
complete -c ablade -n "__fish_ablade_using_subcommand sample" -l progress -d 'Display of progress while runs train' -r -f -a "auto\t'Bars if stderr is a terminal, plain lines otherwise'
bar\t'Bars'
plain\t'One line per event'
json\t'One JSON object per line, for programs'
none\t'Nothing but errors'"
complete -c ablade -n "__fish_ablade_using_subcommand sample" -l greedy -d 'Take the more likely value of every pixel: temperature 0'
complete -c ablade -n "__fish_ablade_using_subcommand sample" -l mixture -d 'Use the mixture of all masks: each image has one, picked at random'
complete -c ablade -n "__fish_ablade_using_subcommand sample" -l nearest -d 'Show the nearest training image next to each sample; in formats other than PNG, in a second file'
complete -c ablade -n "__fish_ablade_using_subcommand sample" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ablade -n "__fish_ablade_using_subcommand sample" -s V -l version -d 'Print version'
complete -c ablade -n "__fish_ablade_using_subcommand inpaint" -l jobs -d 'Number of threads [default: one per processor]' -r
complete -c ablade -n "__fish_ablade_using_subcommand inpaint" -l fraction -d 'Given: this share of the model\'s ordering, from its beginning [default: 0.5]' -r
complete -c ablade -n "__fish_ablade_using_subcommand inpaint" -l prefix -d 'Given: the first N pixels of the model\'s ordering' -r
complete -c ablade -n "__fish_ablade_using_subcommand inpaint" -l rows -d 'Given: the first N rows' -r
complete -c ablade -n "__fish_ablade_using_subcommand inpaint" -l columns -d 'Given: the first N columns' -r
complete -c ablade -n "__fish_ablade_using_subcommand inpaint" -l hide -d 'Given: all but a rectangle' -r
complete -c ablade -n "__fish_ablade_using_subcommand inpaint" -l given -d 'Given: the pixels in the brighter half of the levels in this image (PNG, npy, idx or csv); of a table, the columns with these names or numbers from 0, with commas between' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand inpaint" -l image -d 'Images: numbers from 0 and ranges of them [default: 0-9]' -r
complete -c ablade -n "__fish_ablade_using_subcommand inpaint" -l from -d 'Take the images from this data set: a name, a folder or a file [default: the run\'s own]' -r
complete -c ablade -n "__fish_ablade_using_subcommand inpaint" -l part -d 'One of its three sets [default: test]' -r -f -a "train\t''
valid\t''
test\t''"
complete -c ablade -n "__fish_ablade_using_subcommand inpaint" -l draws -d 'Completions of each image' -r
complete -c ablade -n "__fish_ablade_using_subcommand inpaint" -l seed -d 'Seed of the drawing [default: the run\'s own]' -r
complete -c ablade -n "__fish_ablade_using_subcommand inpaint" -l temperature -d 'Divide every logit by T: below 1 samples get sharper and less diverse, above 1 more random' -r
complete -c ablade -n "__fish_ablade_using_subcommand inpaint" -l masks -d 'Average the conditionals of the first K masks at every pixel; they must share one ordering' -r
complete -c ablade -n "__fish_ablade_using_subcommand inpaint" -l mask -d 'Use one mask alone, counted from 1 [default: the first]' -r
complete -c ablade -n "__fish_ablade_using_subcommand inpaint" -l out -d 'Output files, repeatable: .png, .npy, .idx or .csv; of rows of a table .npy or .csv [default: inpaint-RUN.png, or inpaint-RUN.csv, among the plots]' -r
complete -c ablade -n "__fish_ablade_using_subcommand inpaint" -l results -d 'Directory of runs and tables' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand inpaint" -l plots -d 'Directory of figures' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand inpaint" -l data-dir -d 'Directory of downloaded data sets [default: $ABLADE_DATA, else the user\'s data folder]' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand inpaint" -l color -d 'Colours' -r -f -a "auto\t'If stderr is a terminal that supports them, and `NO_COLOR` and `CLICOLOR` permit them'
always\t'Always'
never\t'Never'"
complete -c ablade -n "__fish_ablade_using_subcommand inpaint" -l progress -d 'Display of progress while runs train' -r -f -a "auto\t'Bars if stderr is a terminal, plain lines otherwise'
bar\t'Bars'
plain\t'One line per event'
json\t'One JSON object per line, for programs'
none\t'Nothing but errors'"
complete -c ablade -n "__fish_ablade_using_subcommand inpaint" -l reconstruct -d 'Instead of drawing, compute p(pixel = 1 | the true pixels before it) for every pixel; of grey pixels, the expected level as a share of the last'
complete -c ablade -n "__fish_ablade_using_subcommand inpaint" -l greedy -d 'Take the more likely value of every pixel: temperature 0'
complete -c ablade -n "__fish_ablade_using_subcommand inpaint" -l mixture -d 'Use the mixture of all masks: each image has one, picked at random'
complete -c ablade -n "__fish_ablade_using_subcommand inpaint" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ablade -n "__fish_ablade_using_subcommand inpaint" -s V -l version -d 'Print version'
complete -c ablade -n "__fish_ablade_using_subcommand evaluate" -l jobs -d 'Number of threads [default: one per processor]' -r
complete -c ablade -n "__fish_ablade_using_subcommand evaluate" -l data -d 'Data set: a name, a folder or a file [default: the run\'s own]' -r
complete -c ablade -n "__fish_ablade_using_subcommand evaluate" -l part -d 'One of its three sets [default: test]' -r -f -a "train\t''
valid\t''
test\t''"
complete -c ablade -n "__fish_ablade_using_subcommand evaluate" -l masks -d 'Average the conditionals of the first K masks at every pixel; they must share one ordering' -r
complete -c ablade -n "__fish_ablade_using_subcommand evaluate" -l mask -d 'Use one mask alone, counted from 1 [default: the first]' -r
complete -c ablade -n "__fish_ablade_using_subcommand evaluate" -l nlls -d 'Write the negative log-likelihood of every image [nats]: .csv or .npy, one column per model' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand evaluate" -l results -d 'Directory of runs and tables' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand evaluate" -l plots -d 'Directory of figures' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand evaluate" -l data-dir -d 'Directory of downloaded data sets [default: $ABLADE_DATA, else the user\'s data folder]' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand evaluate" -l color -d 'Colours' -r -f -a "auto\t'If stderr is a terminal that supports them, and `NO_COLOR` and `CLICOLOR` permit them'
always\t'Always'
never\t'Never'"
complete -c ablade -n "__fish_ablade_using_subcommand evaluate" -l progress -d 'Display of progress while runs train' -r -f -a "auto\t'Bars if stderr is a terminal, plain lines otherwise'
bar\t'Bars'
plain\t'One line per event'
json\t'One JSON object per line, for programs'
none\t'Nothing but errors'"
complete -c ablade -n "__fish_ablade_using_subcommand evaluate" -l mixture -d 'Use the mixture of all masks: each image has one, picked at random'
complete -c ablade -n "__fish_ablade_using_subcommand evaluate" -l csv -d 'Print CSV instead of a table'
complete -c ablade -n "__fish_ablade_using_subcommand evaluate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ablade -n "__fish_ablade_using_subcommand evaluate" -s V -l version -d 'Print version'
complete -c ablade -n "__fish_ablade_using_subcommand masks" -l jobs -d 'Number of threads [default: one per processor]' -r
complete -c ablade -n "__fish_ablade_using_subcommand masks" -l out -d 'Output file, a NumPy archive (.npz)' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand masks" -l results -d 'Directory of runs and tables' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand masks" -l plots -d 'Directory of figures' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand masks" -l data-dir -d 'Directory of downloaded data sets [default: $ABLADE_DATA, else the user\'s data folder]' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand masks" -l color -d 'Colours' -r -f -a "auto\t'If stderr is a terminal that supports them, and `NO_COLOR` and `CLICOLOR` permit them'
always\t'Always'
never\t'Never'"
complete -c ablade -n "__fish_ablade_using_subcommand masks" -l progress -d 'Display of progress while runs train' -r -f -a "auto\t'Bars if stderr is a terminal, plain lines otherwise'
bar\t'Bars'
plain\t'One line per event'
json\t'One JSON object per line, for programs'
none\t'Nothing but errors'"
complete -c ablade -n "__fish_ablade_using_subcommand masks" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ablade -n "__fish_ablade_using_subcommand masks" -s V -l version -d 'Print version'
complete -c ablade -n "__fish_ablade_using_subcommand data; and not __fish_seen_subcommand_from list fetch show export" -l results -d 'Directory of runs and tables' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand data; and not __fish_seen_subcommand_from list fetch show export" -l plots -d 'Directory of figures' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand data; and not __fish_seen_subcommand_from list fetch show export" -l data-dir -d 'Directory of downloaded data sets [default: $ABLADE_DATA, else the user\'s data folder]' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand data; and not __fish_seen_subcommand_from list fetch show export" -l color -d 'Colours' -r -f -a "auto\t'If stderr is a terminal that supports them, and `NO_COLOR` and `CLICOLOR` permit them'
always\t'Always'
never\t'Never'"
complete -c ablade -n "__fish_ablade_using_subcommand data; and not __fish_seen_subcommand_from list fetch show export" -l progress -d 'Display of progress while runs train' -r -f -a "auto\t'Bars if stderr is a terminal, plain lines otherwise'
bar\t'Bars'
plain\t'One line per event'
json\t'One JSON object per line, for programs'
none\t'Nothing but errors'"
complete -c ablade -n "__fish_ablade_using_subcommand data; and not __fish_seen_subcommand_from list fetch show export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ablade -n "__fish_ablade_using_subcommand data; and not __fish_seen_subcommand_from list fetch show export" -s V -l version -d 'Print version'
complete -c ablade -n "__fish_ablade_using_subcommand data; and not __fish_seen_subcommand_from list fetch show export" -f -a "list" -d 'List the data sets known by name, and where they are'
complete -c ablade -n "__fish_ablade_using_subcommand data; and not __fish_seen_subcommand_from list fetch show export" -f -a "fetch" -d 'Download data sets and check them'
complete -c ablade -n "__fish_ablade_using_subcommand data; and not __fish_seen_subcommand_from list fetch show export" -f -a "show" -d 'Draw a contact sheet of a data set'
complete -c ablade -n "__fish_ablade_using_subcommand data; and not __fish_seen_subcommand_from list fetch show export" -f -a "export" -d 'Write the values of a data set, as a run sees them, and its labels'
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from list" -l results -d 'Directory of runs and tables' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from list" -l plots -d 'Directory of figures' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from list" -l data-dir -d 'Directory of downloaded data sets [default: $ABLADE_DATA, else the user\'s data folder]' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from list" -l color -d 'Colours' -r -f -a "auto\t'If stderr is a terminal that supports them, and `NO_COLOR` and `CLICOLOR` permit them'
always\t'Always'
never\t'Never'"
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from list" -l progress -d 'Display of progress while runs train' -r -f -a "auto\t'Bars if stderr is a terminal, plain lines otherwise'
bar\t'Bars'
plain\t'One line per event'
json\t'One JSON object per line, for programs'
none\t'Nothing but errors'"
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON document, for programs: `ablade schema` has its keys'
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from fetch" -l results -d 'Directory of runs and tables' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from fetch" -l plots -d 'Directory of figures' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from fetch" -l data-dir -d 'Directory of downloaded data sets [default: $ABLADE_DATA, else the user\'s data folder]' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from fetch" -l color -d 'Colours' -r -f -a "auto\t'If stderr is a terminal that supports them, and `NO_COLOR` and `CLICOLOR` permit them'
always\t'Always'
never\t'Never'"
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from fetch" -l progress -d 'Display of progress while runs train' -r -f -a "auto\t'Bars if stderr is a terminal, plain lines otherwise'
bar\t'Bars'
plain\t'One line per event'
json\t'One JSON object per line, for programs'
none\t'Nothing but errors'"
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from fetch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from fetch" -s V -l version -d 'Print version'
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from show" -l part -d 'One of its three sets' -r -f -a "train\t''
valid\t''
test\t''"
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from show" -l size -d 'Side of the images in pixels, for sets that are drawn or resized' -r
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from show" -l binarize -d 'Rule by which grey pixels become 0 and 1: threshold, stochastic, or dynamic, which shows the grey levels of training images' -r
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from show" -l levels -d 'Levels of a pixel: 2 (on or off), or 4, 16 or 256 greys' -r
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from show" -l values -d 'Kind of the values: pixels, or real, the numbers of a table [default: real for built-in sets of real numbers, else pixels]' -r
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from show" -l out -d 'File of the picture [default: data-NAME.png among the plots]' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from show" -l results -d 'Directory of runs and tables' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from show" -l plots -d 'Directory of figures' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from show" -l data-dir -d 'Directory of downloaded data sets [default: $ABLADE_DATA, else the user\'s data folder]' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from show" -l color -d 'Colours' -r -f -a "auto\t'If stderr is a terminal that supports them, and `NO_COLOR` and `CLICOLOR` permit them'
always\t'Always'
never\t'Never'"
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from show" -l progress -d 'Display of progress while runs train' -r -f -a "auto\t'Bars if stderr is a terminal, plain lines otherwise'
bar\t'Bars'
plain\t'One line per event'
json\t'One JSON object per line, for programs'
none\t'Nothing but errors'"
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from show" -l json -d 'Print one JSON document, for programs: `ablade schema` has its keys'
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from export" -l out -d 'FILE.npz holds the arrays train, valid and test, and train_labels ... where there are labels; of FILE.npy, FILE.csv and FILE.idx, .gz behind or not, one file each' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from export" -l train -d 'Training images' -r
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from export" -l valid -d 'Validation images' -r
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from export" -l test -d 'Test images' -r
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from export" -l size -d 'Side of the images in pixels, for sets that are drawn or resized' -r
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from export" -l seed -d 'Seed of drawing, splits and fixed binarisation' -r
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from export" -l binarize -d 'Rule by which grey pixels become 0 and 1: threshold, stochastic, or dynamic, which writes the grey levels of training images' -r
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from export" -l levels -d 'Levels of a pixel: 2 (on or off), or 4, 16 or 256 greys, written as 0 to N - 1' -r
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from export" -l values -d 'Kind of the values: pixels, or real, the numbers of a table, written in its units [default: real for built-in sets of real numbers, else pixels]' -r
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from export" -l results -d 'Directory of runs and tables' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from export" -l plots -d 'Directory of figures' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from export" -l data-dir -d 'Directory of downloaded data sets [default: $ABLADE_DATA, else the user\'s data folder]' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from export" -l color -d 'Colours' -r -f -a "auto\t'If stderr is a terminal that supports them, and `NO_COLOR` and `CLICOLOR` permit them'
always\t'Always'
never\t'Never'"
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from export" -l progress -d 'Display of progress while runs train' -r -f -a "auto\t'Bars if stderr is a terminal, plain lines otherwise'
bar\t'Bars'
plain\t'One line per event'
json\t'One JSON object per line, for programs'
none\t'Nothing but errors'"
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from export" -l overwrite -d 'Replace files that are there'
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ablade -n "__fish_ablade_using_subcommand data; and __fish_seen_subcommand_from export" -s V -l version -d 'Print version'
complete -c ablade -n "__fish_ablade_using_subcommand schema" -l results -d 'Directory of runs and tables' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand schema" -l plots -d 'Directory of figures' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand schema" -l data-dir -d 'Directory of downloaded data sets [default: $ABLADE_DATA, else the user\'s data folder]' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand schema" -l color -d 'Colours' -r -f -a "auto\t'If stderr is a terminal that supports them, and `NO_COLOR` and `CLICOLOR` permit them'
always\t'Always'
never\t'Never'"
complete -c ablade -n "__fish_ablade_using_subcommand schema" -l progress -d 'Display of progress while runs train' -r -f -a "auto\t'Bars if stderr is a terminal, plain lines otherwise'
bar\t'Bars'
plain\t'One line per event'
json\t'One JSON object per line, for programs'
none\t'Nothing but errors'"
complete -c ablade -n "__fish_ablade_using_subcommand schema" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ablade -n "__fish_ablade_using_subcommand schema" -s V -l version -d 'Print version'
complete -c ablade -n "__fish_ablade_using_subcommand completions" -l results -d 'Directory of runs and tables' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand completions" -l plots -d 'Directory of figures' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand completions" -l data-dir -d 'Directory of downloaded data sets [default: $ABLADE_DATA, else the user\'s data folder]' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand completions" -l color -d 'Colours' -r -f -a "auto\t'If stderr is a terminal that supports them, and `NO_COLOR` and `CLICOLOR` permit them'
always\t'Always'
never\t'Never'"
complete -c ablade -n "__fish_ablade_using_subcommand completions" -l progress -d 'Display of progress while runs train' -r -f -a "auto\t'Bars if stderr is a terminal, plain lines otherwise'
bar\t'Bars'
plain\t'One line per event'
json\t'One JSON object per line, for programs'
none\t'Nothing but errors'"
complete -c ablade -n "__fish_ablade_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ablade -n "__fish_ablade_using_subcommand completions" -s V -l version -d 'Print version'
complete -c ablade -n "__fish_ablade_using_subcommand man" -l results -d 'Directory of runs and tables' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand man" -l plots -d 'Directory of figures' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand man" -l data-dir -d 'Directory of downloaded data sets [default: $ABLADE_DATA, else the user\'s data folder]' -r -F
complete -c ablade -n "__fish_ablade_using_subcommand man" -l color -d 'Colours' -r -f -a "auto\t'If stderr is a terminal that supports them, and `NO_COLOR` and `CLICOLOR` permit them'
always\t'Always'
never\t'Never'"
complete -c ablade -n "__fish_ablade_using_subcommand man" -l progress -d 'Display of progress while runs train' -r -f -a "auto\t'Bars if stderr is a terminal, plain lines otherwise'
bar\t'Bars'
plain\t'One line per event'
json\t'One JSON object per line, for programs'
none\t'Nothing but errors'"
complete -c ablade -n "__fish_ablade_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ablade -n "__fish_ablade_using_subcommand man" -s V -l version -d 'Print version'
