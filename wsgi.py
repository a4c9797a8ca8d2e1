"""The provider as a WSGI application: settings from config/ and the environment, then everything else."""

import os
import sys

from idp.app import create_app
from idp.runtime.settings import WrongSetting, load_settings

try:
    application = create_app(load_settings(os.environ))
except WrongSetting as fault:
    sys.exit(str(fault))
