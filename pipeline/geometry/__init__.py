"""Camera, ground and tracks as mathematics: pure; numpy, scipy and shapely only."""
