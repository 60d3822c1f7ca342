import os
import signal
import sys

signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
print("worker as", os.getuid(), sys.argv[1:], flush=True)
while True:
    signal.pause()
