"""Configuration of a run: schema, YAML files and comparison."""

from topo.config.data import DataConfig, ExtraConfig, SamplingConfig
from topo.config.files import (
    dump_config,
    first_difference,
    flat,
    load_config,
    parse_config,
)
from topo.config.model import (
    ConvConfig,
    EncoderConfig,
    FeatureConfig,
    GraphConfig,
    HeadsConfig,
    ModelConfig,
    RecurrentConfig,
)
from topo.config.paths import with_absolute_paths
from topo.config.schema import MONITORS, Config, config_fields
from topo.config.section import Option
from topo.config.task import LetterConfig, TaskConfig
from topo.config.training import (
    DistillationConfig,
    LossConfig,
    PretrainingConfig,
    TrackingConfig,
    TrainingConfig,
)
from topo.config.yaml_files import YamlError, parse_yaml, read_yaml

__all__ = [
    "MONITORS",
    "Config",
    "ConvConfig",
    "DataConfig",
    "DistillationConfig",
    "EncoderConfig",
    "ExtraConfig",
    "FeatureConfig",
    "GraphConfig",
    "HeadsConfig",
    "LetterConfig",
    "LossConfig",
    "ModelConfig",
    "Option",
    "PretrainingConfig",
    "RecurrentConfig",
    "SamplingConfig",
    "TaskConfig",
    "TrackingConfig",
    "TrainingConfig",
    "YamlError",
    "config_fields",
    "dump_config",
    "first_difference",
    "flat",
    "load_config",
    "parse_config",
    "parse_yaml",
    "read_yaml",
    "with_absolute_paths",
]
