"""The Django project; it runs in its own virtualenv, with the folder above as its working folder."""
