"""The Airbyte CDK over a JSON Lines file: the transformations of `register.airbyte.yaml`, record by record.

    python benchmarks/peers/airbyte.py SOURCE TARGET

Nothing of a connector but its transformations runs, which is to Airbyte's advantage. The fields of the
source, which AddFields leaves in the record, are not written.
"""

from __future__ import annotations

import sys
from dataclasses import InitVar, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import yaml
from airbyte_cdk.sources.declarative.models.declarative_component_schema import (
    AddFields,
    CustomTransformation,
)
from airbyte_cdk.sources.declarative.parsers.manifest_component_transformer import (
    ManifestComponentTransformer,
)
from airbyte_cdk.sources.declarative.parsers.model_to_component_factory import ModelToComponentFactory
from airbyte_cdk.sources.declarative.transformations import RecordTransformation

MANIFEST = Path(__file__).with_name("register.airbyte.yaml")
MODELS = {"AddFields": AddFields, "CustomTransformation": CustomTransformation}
SYDNEY = ZoneInfo("Australia/Sydney")


@dataclass
class SydneyTime(RecordTransformation):
    """A custom component: the time of Sydney's clock in UTC."""

    parameters: InitVar[dict[str, Any]]

    def transform(
        self,
        record: dict[str, Any],
        config: Any = None,  # noqa: ARG002
        stream_state: Any = None,  # noqa: ARG002
        stream_slice: Any = None,  # noqa: ARG002
    ) -> None:
        """Add `timeModified` to the record."""
        local = datetime.strptime(record["Modified"], "%m/%d/%Y %I:%M %p").replace(tzinfo=SYDNEY)
        record["timeModified"] = local.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def map_file(source: str, target: str) -> tuple[int, int]:
    """Write the records of a JSON Lines file; return how many rows were mapped and how many not."""
    manifest = yaml.safe_load(MANIFEST.read_text("utf-8"))
    config = manifest["config"]
    transforms = [create(definition, config).transform for definition in manifest["transformations"]]
    added = manifest["transformations"][0]["fields"]
    fields = [*(field["path"][0] for field in added), "timeModified"]
    count = 0
    with Path(source).open("rb") as lines, Path(target).open("wb") as out:
        for line in lines:
            record = orjson.loads(line)
            for transform in transforms:
                transform(record, config)
            out.write(orjson.dumps({name: record[name] for name in fields}) + b"\n")
            count += 1
    return count, 0


def create(definition: dict[str, Any], config: dict[str, Any]) -> RecordTransformation:
    """Return a transformation as the CDK makes it of a manifest."""
    whole = ManifestComponentTransformer().propagate_types_and_parameters("", definition, {})
    return ModelToComponentFactory().create_component(MODELS[definition["type"]], whole, config)


if __name__ == "__main__":
    import json

    from contestant import measure  # beside peers.py, which sets the path

    print(json.dumps(measure(map_file, *sys.argv[1:])))
