import http.server
import os
import signal
import sys

signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"python {sys.version_info[1]} uid={os.getuid()} args={sys.argv[1:]}\n".encode())


http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
