"""From a camera or recording to upright, masked frames: one small interface, one file per kind of source."""
