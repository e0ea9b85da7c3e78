"""Prediction with trained models."""

from topo.inference.compute import Settings
from topo.inference.models import check_device, load_model, set_threads
from topo.inference.splits import predict_split
from topo.inference.stream import PredictionStream, describe, predict

__all__ = [
    "PredictionStream",
    "Settings",
    "check_device",
    "describe",
    "load_model",
    "predict",
    "predict_split",
    "set_threads",
]
