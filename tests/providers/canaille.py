"""Canaille on loopback: `canaille.py PORT DIRECTORY`; prints `ready ISSUER`."""

import datetime
import sys
import threading
import time

# This folder holds a file of the same name.
sys.path.pop(0)

import waitress  # noqa: E402
from canaille import create_app  # noqa: E402
from canaille.app import models  # noqa: E402
from canaille.backends import Backend  # noqa: E402
from joserfc.jwk import RSAKey  # noqa: E402

port, folder = int(sys.argv[1]), sys.argv[2]
issuer = f"http://127.0.0.1:{port}"
key = RSAKey.generate_key(2048)
key.ensure_kid()

app = create_app(
    {
        "SECRET_KEY": "a key for the sessions of tests",
        "SERVER_NAME": f"127.0.0.1:{port}",
        "TRUSTED_HOSTS": ["127.0.0.1"],
        "PREFERRED_URL_SCHEME": "http",
        "CANAILLE": {"DATABASE": "sql", "FORCE_HTTPS": False, "CAPTCHA_ENABLED": False},
        "CANAILLE_SQL": {"DATABASE_URI": f"sqlite:///{folder}/canaille.db"},
        "CANAILLE_OIDC": {
            "DYNAMIC_CLIENT_REGISTRATION_OPEN": True,
            "REQUIRE_NONCE": False,
            "ACTIVE_JWKS": [key.as_dict(private=True)],
        },
    }
)


class Spaced:
    """Lets no two tokens be issued in one second: canaille's would be the same, which its database refuses (500)."""

    def __init__(self, serve):
        self.serve, self.lock, self.second = serve, threading.Lock(), 0

    def __call__(self, environ, start_response):
        if environ["PATH_INFO"] != "/oauth/token":
            return self.serve(environ, start_response)
        with self.lock:
            while self.second == int(time.time()):
                time.sleep(0.01)
            answer = self.serve(environ, start_response)
            self.second = int(time.time())
            return answer


def client(name, grants, **more):
    registered = models.Client(
        client_id=name,
        client_name=name,
        client_uri="http://127.0.0.1:8765",
        client_id_issued_at=datetime.datetime.now(datetime.timezone.utc),
        redirect_uris=["http://127.0.0.1:8765/cb"],
        grant_types=grants,
        scope=["openid", "profile", "email", "offline_access"],
        **more,
    )
    Backend.instance.save(registered)
    # Without an audience an access token is for nobody: introspection calls it inactive.
    registered.audience = [registered]
    Backend.instance.save(registered)


with app.app_context():
    Backend.instance.save(
        models.User(
            user_name="alice",
            password="wonderland-7",
            given_name="Alice",
            family_name="Liddell",
            formatted_name="Alice Liddell",
            emails=["alice@example.test"],
        )
    )
    basic = {"token_endpoint_auth_method": "client_secret_basic"}
    web = {"response_types": ["code"], "post_logout_redirect_uris": ["http://127.0.0.1:8765/bye"]}
    client("web", ["authorization_code", "refresh_token"], client_secret="web-secret", **web, **basic)
    client("svc", ["client_credentials"], client_secret="svc-secret", **basic)

server = waitress.create_server(Spaced(app), host="127.0.0.1", port=port, threads=8)
print("ready", issuer, flush=True)
server.run()
