"""python -m tokenswitch_cli"""

from tokenswitch_cli.app import run

if __name__ == "__main__":
    run()
