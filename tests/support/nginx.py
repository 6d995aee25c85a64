"""nginx in front of a web server, as people run it."""

from functools import partial

from tests.support.network import IDLE, need
from tests.support.ports import free_port, listens
from tests.support.processes import Part

NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{to};
            proxy_http_version 1.1;
            proxy_set_header Host $host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
            proxy_read_timeout {idle}s;
        }}
    }}
}}
"""


class Nginx(Part):
    """An nginx process in front of the web server on port ``to``."""

    def __init__(self, folder, to):
        need("nginx")
        self.port = free_port()
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(folder=folder, port=self.port, to=to, idle=IDLE))
        super().__init__(folder, "nginx", ["nginx", "-e", "stderr", "-c", config])

    def start(self):
        super().start()
        self.wait_for(partial(listens, self.port))
