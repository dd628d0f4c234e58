"""npng-edge: the bedside appliance that notices pain in people who cannot say so."""

import os

__version__ = "0.1.0"

# ONNX Runtime 1.29 and later report home from Linux, and keep an identifier of the device, unless told not to before
# they are loaded (microsoft/onnxruntime#27379). Nothing leaves a bedside but MQTT.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
