"""Reads an export with the readers of the program itself and prints it as JSON.

python3 read.py tensorboard DIR    python3 read.py mlflow DIR
"""

import json
import os
import sys


def tensorboard(directory):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import metadata

    for folder, _, files in sorted(os.walk(directory)):
        if not any("tfevents" in name for name in files):
            continue
        events = EventAccumulator(folder, size_guidance={"scalars": 0, "tensors": 0})
        events.Reload()
        hparams = events.PluginTagToContent(metadata.PLUGIN_NAME)
        start = metadata.parse_session_start_info_plugin_data(hparams[metadata.SESSION_START_INFO_TAG])
        end = metadata.parse_session_end_info_plugin_data(hparams[metadata.SESSION_END_INFO_TAG])
        texts = {tag: events.Tensors(tag)[0].tensor_proto.string_val[0].decode() for tag in events.Tags()["tensors"]
                 if events.SummaryMetadata(tag).plugin_data.plugin_name == "text"}
        yield {
            "run": os.path.relpath(folder, directory),
            "settings": {name: str(getattr(value, value.WhichOneof("kind"))) for name, value in start.hparams.items()},
            "is_finished": end.status == 1,
            "times": [start.start_time_secs, end.end_time_secs],
            "metrics": {tag: [[event.step, repr(event.value)] for event in events.Scalars(tag)]
                        for tag in events.Tags()["scalars"]},
            "error": texts.get("error", ""),
        }


def mlflow(directory):
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=f"file://{os.path.abspath(directory)}")
    for experiment in client.search_experiments():
        for run in client.search_runs([experiment.experiment_id], max_results=10000):
            assert client.get_run(run.info.run_id).data.params == run.data.params
            history = {name: client.get_metric_history(run.info.run_id, name) for name in run.data.metrics}
            yield {
                "experiment": experiment.name,
                "note": experiment.tags["mlflow.note.content"],
                "run": run.info.run_name,
                "settings": run.data.params,
                "is_finished": run.info.status == "FINISHED",
                "times": [run.info.start_time / 1000, run.info.end_time / 1000],
                "metrics": {name: [[point.step, repr(point.value)] for point in points]
                            for name, points in history.items()},
                "error": run.data.tags.get("ablade.error", ""),
                "tags": run.data.tags,
            }


json.dump(list({"tensorboard": tensorboard, "mlflow": mlflow}[sys.argv[1]](sys.argv[2])), sys.stdout)
