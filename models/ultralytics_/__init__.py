"""The one package that imports ultralytics; its environment is set before it is imported.

Left alone, ultralytics installs packages, fetches weights and reports usage, and turns off
OpenCV's threads for the whole process.
"""

import os
import tempfile

os.environ["YOLO_AUTOINSTALL"] = "false"
os.environ["YOLO_OFFLINE"] = "true"
os.environ.setdefault("YOLO_VERBOSE", "false")
os.environ.setdefault("YOLO_CONFIG_DIR", tempfile.mkdtemp(prefix="roadwear-yolo-"))
