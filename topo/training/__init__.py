"""Training, pre-training, cross-validation and calibration of taggers."""
