"""python -m auth_svc: runs auth-svc by the settings in the environment."""

from auth_svc.main import main

if __name__ == "__main__":
    main()
