"""The provider as a WSGI application: settings from config/ and the environment, then everything else."""

import os

from idp.app import create_app
from idp.runtime.settings import load_settings

application = create_app(load_settings(os.environ))
