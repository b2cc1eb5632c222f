"""The closed sets of the schema. Their names are those of the domain's enums."""

from __future__ import annotations

from enum import Enum

import strawberry


@strawberry.enum(description="What a user is to the instance.")
class InstanceRole(Enum):
    """As `picloud.domain.user.InstanceRole`."""

    ADMIN = strawberry.enum_value("admin", description="Sees and may do everything.")
    MEMBER = strawberry.enum_value("member", description="Sees the apps they are a member of.")


@strawberry.enum(description="A user's place in an app; each may do what those before it may.")
class AppRole(Enum):
    """As `picloud.domain.app.AppRole`."""

    VIEWER = strawberry.enum_value("viewer", description="Sees the app, but not its logs.")
    OPERATOR = strawberry.enum_value(
        "operator", description="Invokes scripts and reads logs and env."
    )
    EDITOR = strawberry.enum_value(
        "editor", description="Deploys and deletes scripts, and changes settings and routes."
    )
    OWNER = strawberry.enum_value(
        "owner", description="Changes members, and renames, transfers or deletes the app."
    )


@strawberry.enum(description="How somebody proved who they are.")
class LogInMethod(Enum):
    """As `picloud.domain.session.LogInMethod`."""

    PASSWORD = strawberry.enum_value("password", description="By password.")
    INVITATION = strawberry.enum_value("invitation", description="By accepting an invitation.")
    RESET = strawberry.enum_value("reset", description="By leave to choose a new password.")
    OIDC = strawberry.enum_value("oidc", description="By an issuer of OpenID Connect.")


@strawberry.enum(description="Why an invocation started.")
class TriggerKind(Enum):
    """As `picloud.domain.invocation.TriggerKind`."""

    HTTP = strawberry.enum_value("http", description="A request to a route.")
    SCHEDULE = strawberry.enum_value("schedule", description="A tick of a schedule.")
    QUEUE = strawberry.enum_value("queue", description="A message of a queue.")
    MANUAL = strawberry.enum_value("manual", description="Somebody asked for it.")


@strawberry.enum(description="How an invocation ended.")
class InvocationOutcome(Enum):
    """As `picloud.domain.invocation.Outcome`."""

    OK = strawberry.enum_value("ok", description="The script answered.")
    SCRIPT_ERROR = strawberry.enum_value(
        "script_error", description="The script raised, or returned what can't be an answer."
    )
    TIMEOUT = strawberry.enum_value("timeout", description="The script's wall time ran out.")
    OUT_OF_MEMORY = strawberry.enum_value(
        "out_of_memory", description="The script reached its memory limit."
    )
    CANCELLED = strawberry.enum_value("cancelled", description="The caller went away.")
    REJECTED = strawberry.enum_value(
        "rejected", description="There was no room: too many invocations at once."
    )
    PLATFORM_ERROR = strawberry.enum_value(
        "platform_error", description="The platform failed, not the script."
    )


@strawberry.enum(description="How much a log record matters, as in Python's `logging`.")
class LogLevel(Enum):
    """As `picloud.domain.log_record.LogLevel`."""

    DEBUG = strawberry.enum_value(10, description="Detail for finding faults.")
    INFO = strawberry.enum_value(20, description="All is well; also what is printed.")
    WARNING = strawberry.enum_value(30, description="Worth a look; also standard error.")
    ERROR = strawberry.enum_value(40, description="Something failed; also tracebacks.")
    CRITICAL = strawberry.enum_value(50, description="Nothing goes on.")


@strawberry.enum(description="Where a log record came from.")
class LogStream(Enum):
    """As `picloud.domain.log_record.LogStream`."""

    STDOUT = strawberry.enum_value("stdout", description="`print` and standard output.")
    STDERR = strawberry.enum_value("stderr", description="Standard error.")
    LOGGING = strawberry.enum_value("logging", description="Python's `logging`.")
    TRACEBACK = strawberry.enum_value("traceback", description="An uncaught exception.")
    PLATFORM = strawberry.enum_value("platform", description="A note of the platform.")


@strawberry.enum(description="How far scripts are kept apart from the machine and each other.")
class IsolationLevel(Enum):
    """As `picloud.domain.isolation.IsolationLevel`."""

    FULL = strawberry.enum_value("full", description="Namespaces and a user of its own, too.")
    PORTABLE = strawberry.enum_value(
        "portable", description="Every layer that any Linux has, containers included."
    )
    WEAK = strawberry.enum_value("weak", description="A needed layer is missing.")


@strawberry.enum(description="How long an interpreter lives.")
class VersionIsolation(Enum):
    """As `picloud.domain.limits.Isolation`."""

    SANDBOX = strawberry.enum_value(
        "sandbox", description="For many invocations of one version: the quickest."
    )
    INVOCATION = strawberry.enum_value(
        "invocation",
        description="It is reset to its state before the first invocation after each one, so that "
        "nothing survives from one caller to the next.",
    )


@strawberry.enum(description="Who may call a route.")
class AuthKind(Enum):
    """As `picloud.domain.endpoint.AuthKind`."""

    PUBLIC = strawberry.enum_value("public", description="Everybody.")
    TOKEN = strawberry.enum_value(
        "token", description="Who has an API token with the scope `invoke` for the script."
    )
    BASIC = strawberry.enum_value("basic", description="Who knows a user name and a password.")
    HMAC = strawberry.enum_value("hmac", description="Who signs the body with a shared secret.")
    SESSION = strawberry.enum_value(
        "session",
        description="A browser that is logged in to the platform as somebody who may invoke the "
        "app's scripts; in path form only.",
    )


@strawberry.enum(description="Whose way of signing a request; all are HMAC-SHA-256.")
class HmacScheme(Enum):
    """As `picloud.domain.endpoint.HmacScheme`."""

    GITHUB = strawberry.enum_value("github", description="`X-Hub-Signature-256`; signs no time.")
    STRIPE = strawberry.enum_value("stripe", description="`Stripe-Signature`.")
    SLACK = strawberry.enum_value(
        "slack", description="`X-Slack-Signature` and `X-Slack-Request-Timestamp`."
    )
    GENERIC = strawberry.enum_value(
        "generic",
        description="`Picloud-Signature: t=<seconds>,v1=<hex>` over `<seconds>.<body>`.",
    )


@strawberry.enum(description="Whose requests a rate limit counts.")
class RatePer(Enum):
    """As `picloud.domain.endpoint.RatePer`."""

    ALL = strawberry.enum_value("all", description="All together.")
    CLIENT = strawberry.enum_value(
        "client", description="Those of each client address; of IPv6 the network of 64 bits."
    )


@strawberry.enum(description="How far an app's scripts reach. Private networks are denied in all.")
class EgressMode(Enum):
    """As `picloud.domain.egress.EgressMode`."""

    NONE = strawberry.enum_value("none", description="Nowhere.")
    ALLOW_LIST = strawberry.enum_value("allow_list", description="The listed hosts and ports.")
    INTERNET = strawberry.enum_value("internet", description="Every public address.")


@strawberry.enum(description="What a deployment did.")
class DeploymentKind(Enum):
    """As `picloud.domain.deployment.DeploymentKind`."""

    DEPLOY = strawberry.enum_value("deploy", description="A source was uploaded.")
    ROLLBACK = strawberry.enum_value("rollback", description="What served before serves again.")
    PROMOTE = strawberry.enum_value(
        "promote", description="A version that was there already was chosen."
    )
    SPLIT = strawberry.enum_value("split", description="Several versions share the requests.")


@strawberry.enum(description="What became of a file from one version to another.")
class FileChange(Enum):
    """As `picloud.domain.comparison.FileChange`."""

    ADDED = strawberry.enum_value("added", description="It is new.")
    REMOVED = strawberry.enum_value("removed", description="It is gone.")
    CHANGED = strawberry.enum_value("changed", description="It is different.")


@strawberry.enum(description="What an app may have only so much of.")
class QuotaName(Enum):
    """As `picloud.domain.quota.Quota`."""

    SCRIPTS = strawberry.enum_value("scripts", description="Scripts that are not deleted.")
    SOURCE_MB = strawberry.enum_value(
        "source_mb",
        description="Begun megabytes (2**20 bytes) of all versions, those of deleted scripts too.",
    )
    ROUTES = strawberry.enum_value("routes", description="Routes.")
    MEMBERS = strawberry.enum_value("members", description="Members.")
    TOKENS = strawberry.enum_value("tokens", description="Tokens for this app only.")
    ENV_VARIABLES = strawberry.enum_value(
        "env_variables", description="Env variables of the app and its scripts."
    )
    SECRETS = strawberry.enum_value("secrets", description="Secrets, of its scripts too.")
    FORMER_NAMES = strawberry.enum_value(
        "former_names", description="Names the app had and keeps for itself."
    )
