"""authgent on loopback: `authgent.py PORT DIRECTORY`; prints `ready ISSUER`. It knows agents only: no OpenID Connect."""

import asyncio
import os
import pathlib
import sys

port, folder = int(sys.argv[1]), pathlib.Path(sys.argv[2])
issuer = f"http://127.0.0.1:{port}"
# It takes settings from a .env beside it.
os.chdir(folder)
os.environ.update(
    AUTHGENT_SECRET_KEY="a key for the tokens of tests, 32 bytes or more",
    AUTHGENT_DATABASE_URL=f"sqlite+aiosqlite:///{folder}/authgent.db",
    AUTHGENT_SERVER_URL=issuer,
    AUTHGENT_TOKEN_RATE_LIMIT="100000",
    AUTHGENT_REGISTER_RATE_LIMIT="100000",
    # It makes assertions for itself (identity chaining), which stand for those of others.
    AUTHGENT_CHAINING_GRANT_TTL="600",
    AUTHGENT_TRUSTED_CHAINING_TARGETS=f'["{issuer}"]',
    AUTHGENT_TRUSTED_CHAINING_ISSUERS=f'["{issuer}"]',
)
# This folder holds a file of nearly the same name.
sys.path.pop(0)

import bcrypt  # noqa: E402
import uvicorn  # noqa: E402
from authgent_server.app import create_app  # noqa: E402
from authgent_server.dependencies import get_db_session, get_token_service  # noqa: E402
from authgent_server.models.base import Base  # noqa: E402
from authgent_server.models.oauth_client import OAuthClient  # noqa: E402
from fastapi import Depends, Request, Response  # noqa: E402
from sqlalchemy import create_engine  # noqa: E402
from sqlalchemy.orm import Session  # noqa: E402

GRANT = "urn:ietf:params:oauth:grant-type:"


def client(name, grants):
    # Few rounds: every request checks the secret.
    secret = bcrypt.hashpw(f"{name}-secret".encode(), bcrypt.gensalt(rounds=4)).decode()
    return OAuthClient(
        client_id=name,
        client_secret_hash=secret,
        client_name=name,
        grant_types=grants,
        redirect_uris=["http://127.0.0.1:8765/cb"],
        scope="api:read",
        token_endpoint_auth_method="client_secret_basic",
    )


# Before it starts: its own sessions share one connection, and roll back what others have not committed.
engine = create_engine(f"sqlite:///{folder}/authgent.db")
Base.metadata.create_all(engine)
with Session(engine) as session:
    session.add(client("web", ["authorization_code", "refresh_token"]))
    session.add(client("svc", ["client_credentials", *(GRANT + grant for grant in ("token-exchange", "jwt-bearer", "device_code"))]))
    session.commit()
engine.dispose()


class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        print("ready", issuer, flush=True)


app = create_app()


@app.get("/api")
async def api(request: Request, db=Depends(get_db_session), tokens=Depends(get_token_service)):
    """An API of agents: who comes with a good token is let in."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return Response(status_code=401, headers={"www-authenticate": "Bearer"})
    try:
        await tokens.verify_and_check_blocklist(db, token)
    except Exception:
        return Response(status_code=401, headers={"www-authenticate": 'Bearer error="invalid_token"'})
    return {"hello": "agent"}


asyncio.run(Server(uvicorn.Config(app, host="127.0.0.1", port=port, access_log=False)).serve())
