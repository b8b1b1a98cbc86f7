"""Mapping on Apache Spark, for sources that one machine does not map soon enough (the extra `spark`).

```python
from opusmap import spark as opus

mapped = opus.map_dataframe(df, "mapping.yaml")
opus.stage(mapped, "s3a://bucket/run-7", parts=256)
```

Nothing is sent from Spark, which runs tasks again as it pleases: `submit --staged` sends what is staged.
"""

from opusmap.spark.dataframe import MappedDataFrame, map_dataframe, stage

__all__ = ["MappedDataFrame", "map_dataframe", "stage"]
