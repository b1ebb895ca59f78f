"""python -m config_svc: runs the service until SIGTERM or SIGINT."""

from config_svc.main import build
from config_svc.settings import ConfigSettings
from shared.service.settings import load

if __name__ == "__main__":
    build(load(ConfigSettings)).main()
