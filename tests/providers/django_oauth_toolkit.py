"""Django OAuth Toolkit on loopback: `django_oauth_toolkit.py PORT DIRECTORY`; prints `ready ISSUER`.

Device flow and dynamic registration are switched on; by itself it offers neither.
"""

import pathlib
import sys

import django
import waitress
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings

port, folder = int(sys.argv[1]), pathlib.Path(sys.argv[2])
base = f"http://127.0.0.1:{port}"
key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)
LOGIN = """<!doctype html><html lang="en"><title>Sign in</title><h1>Sign in</h1>
<form method="post">{% csrf_token %}{{ form.as_p }}<input type="hidden" name="next" value="{{ next }}">
<button type="submit">Sign in</button></form></html>"""
(folder / "login.html").write_text(LOGIN)

settings.configure(
    SECRET_KEY="a key for the sessions of tests",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF="urls",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "oauth2_provider",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "DIRS": [folder],
            "APP_DIRS": True,
            "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
        }
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "db.sqlite3"}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    USE_TZ=True,
    LOGIN_URL="/login/",
    # The default takes a third of a second for every secret that it checks.
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    LOGGING={
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"stderr": {"class": "logging.StreamHandler"}},
        "loggers": {"django.request": {"handlers": ["stderr"], "level": "ERROR"}},
    },
    OAUTH2_PROVIDER={
        "OIDC_ENABLED": True,
        "OIDC_ISS_ENDPOINT": f"{base}/o",
        "OIDC_RSA_PRIVATE_KEY": key.decode(),
        "OIDC_RP_INITIATED_LOGOUT_ENABLED": True,
        "OIDC_RP_INITIATED_LOGOUT_ALWAYS_PROMPT": False,
        "ACCESS_TOKEN_EXPIRE_SECONDS": 300,
        "ID_TOKEN_EXPIRE_SECONDS": 300,
        "REFRESH_TOKEN_EXPIRE_SECONDS": 86400,
        "REFRESH_TOKEN_REUSE_PROTECTION": True,
        # No code challenges that are the verifier itself; the default from version 4 on.
        "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
        "SCOPES": {
            "openid": "OpenID",
            "profile": "Profile",
            "email": "Email",
            "offline_access": "Offline",
            "introspection": "Introspection",
        },
        "DEFAULT_SCOPES": ["openid"],
        "REQUEST_APPROVAL_PROMPT": "auto",
        "OAUTH_DEVICE_VERIFICATION_URI": f"{base}/o/device/",
        "OAUTH_DEVICE_VERIFICATION_URI_COMPLETE": lambda code: f"{base}/o/device/?user_code={code}",
        "DCR_ENABLED": True,
        "DCR_REGISTRATION_PERMISSION_CLASSES": ("oauth2_provider.dcr.AllowAllDCRPermission",),
    },
)
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.contrib.auth.views import LoginView  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import include, path  # noqa: E402
from oauth2_provider.models import Application  # noqa: E402
from oauth2_provider.urls import metadata_urlpatterns  # noqa: E402


class urls:  # noqa: N801
    """Stands for the module that ROOT_URLCONF names."""

    urlpatterns = [
        path("", include((metadata_urlpatterns, "metadata"))),
        path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
        path("login/", LoginView.as_view(template_name="login.html")),
    ]


sys.modules["urls"] = urls

call_command("migrate", verbosity=0)
User.objects.create_user("alice", "alice@example.test", "wonderland-7", first_name="Alice", last_name="Liddell")


def application(name, grant, **more):
    Application.objects.create(name=name, client_id=name, authorization_grant_type=grant, algorithm="RS256", **more)


confidential = {"client_type": "confidential"}
code = {
    "grant": "authorization-code",
    "redirect_uris": "http://127.0.0.1:8765/cb",
    "post_logout_redirect_uris": "http://127.0.0.1:8765/bye",
}
application("web", client_secret="web-secret", **code, **confidential)
application("svc", "client-credentials", client_secret="svc-secret", **confidential)
application("device", "urn:ietf:params:oauth:grant-type:device_code", client_type="public")

server = waitress.create_server(get_wsgi_application(), host="127.0.0.1", port=port, threads=8)
print("ready", f"{base}/o", flush=True)
server.run()
