"""The nurse-station side that ships with the device: a live board, and a reference station that sends receipts."""
