"""What is kept on the device: numbers and messages, never a picture."""
