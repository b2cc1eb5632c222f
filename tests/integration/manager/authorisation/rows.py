"""Who may see and do what: a row for every field of the schema. Without one the tests fail.

Adding a row:
- a field of an object: one more word in `OBJECTS`, beside the rule that holds for it; arguments it
  needs go with the word, without spaces: `difference(to:"$version_id")`;
- a mutation, a root query or a subscription: one line with its rule and its call; the call must
  succeed for who may do it. What it changes is undone after each try;
- a new type: an entry of `OBJECTS`; a type with an id is found by `node(id:)`, others say
  where they are by `at`, with `%` for their fields.

`$app`, `$script_id` … stand for names and ids of what is tried, four times over: the app in which
the actors have their roles, somebody else's, a deleted one, and one that never was. `world.Target`
lists them; a new one is one more line there. The harness derives the rest: who is refused how, that
a refusal changes nothing, and that "not yours" can't be told from "does not exist".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

ROLES: Final = ("viewer", "operator", "editor", "owner")  # each may do what those before it may
SCOPES: Final = ("read", "deploy", "invoke", "logs", "admin")
READING_SCOPES: Final = frozenset({"read", "deploy", "logs", "admin"})  # `read` is part of them


@dataclass(frozen=True, slots=True)
class Rule:
    """What it takes.

    `role` is the least role in the app, or `app admin`: an admin of the instance, on an app,
    `session`: any user, `admin`: of the instance, `anybody`: no log-in either. `scope` is what a
    token needs; empty: no token will do. `refusal` is what somebody gets who may see the object but
    not this: `denied`, `null` or `hidden`.
    """

    role: str
    scope: str
    refusal: str = "denied"


READ: Final = Rule("viewer", "read")
LOGS: Final = Rule("operator", "logs")
ENV_OR_NULL: Final = Rule("operator", "read", refusal="null")
LOGS_OR_NULL: Final = Rule("operator", "logs", refusal="null")
CHANGE: Final = Rule("editor", "deploy")
READ_ANY: Final = Rule("viewer", "admin")
OWNER: Final = Rule("owner", "admin")
OWNER_OR_HIDDEN: Final = Rule("owner", "admin", refusal="hidden")
LEAVE: Final = Rule("viewer", "admin")
APP_ADMIN: Final = Rule("app admin", "admin")
SESSION: Final = Rule("session", "read")
ANY_CHANGE: Final = Rule("session", "admin")
BROWSER: Final = Rule("session", "")
ADMIN: Final = Rule("admin", "admin")
ANYBODY: Final = Rule("anybody", "")
ADMIN_OBJECT: Final = Rule("admin", "admin", refusal="hidden")


@dataclass(frozen=True, slots=True)
class Call:
    """A root field: its rule and how it is called."""

    rule: Rule
    call: str = ""


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of a type by the rule that holds for them, and where an object of it is found."""

    rows: Mapping[Rule, str]
    at: str = field(default="")


QUERIES: Final[Mapping[str, Call]] = {
    "viewer": Call(SESSION),
    "node": Call(READ, '(id: "$app_id")'),
    "app": Call(READ, '(name: "$app")'),
    "apps": Call(SESSION, "(first: 100)"),
    "script": Call(READ, '(app: "$app", name: "$script")'),
    "clusterNodes": Call(SESSION),
    "auditEntries": Call(ADMIN, "(last: 3)"),
    "users": Call(ADMIN, "(first: 100)"),
    "invitations": Call(ADMIN, "(first: 100)"),
    "deletedApp": Call(OWNER_OR_HIDDEN, '(name: "$deleted_app")'),
    "deletedApps": Call(SESSION),
}

MUTATIONS: Final[Mapping[str, Call]] = {
    "sessionCreate": Call(ANYBODY, '{email: "$email", password: "$password"}'),
    "sessionDelete": Call(BROWSER),
    "sessionRevoke": Call(ANY_CHANGE, '{id: "$session_id"}'),
    "sessionRevokeOthers": Call(ANY_CHANGE),
    "passwordChange": Call(BROWSER, '{oldPassword: "$password", newPassword: "$password"}'),
    "passwordReset": Call(ANYBODY, '{secret: "$reset_secret", newPassword: "$password"}'),
    "passwordResetCreate": Call(ADMIN, '{email: "$somebody"}'),
    "userInvite": Call(ADMIN, '{email: "new@people.example"}'),
    "invitationAccept": Call(
        ANYBODY, '{secret: "$invitation_secret", email: "$invited", password: "$password"}'
    ),
    "invitationRevoke": Call(ADMIN, '{id: "$invitation_id"}'),
    "userRoleSet": Call(ADMIN, '{email: "$somebody", role: ADMIN}'),
    "userDisable": Call(ADMIN, '{email: "$somebody"}'),
    "userEnable": Call(ADMIN, '{email: "$disabled"}'),
    "userDelete": Call(ADMIN, '{email: "$disabled"}'),
    "appCreate": Call(ANY_CHANGE, '{name: "fresh"}'),
    "scriptDeploy": Call(CHANGE, '{app: "$app", name: "$script", source: "x = 1"}'),
    "scriptRollback": Call(CHANGE, '{app: "$app", name: "$script"}'),
    "scriptPromote": Call(CHANGE, '{app: "$app", name: "$script", number: 1}'),
    "scriptSplit": Call(
        CHANGE,
        '{app: "$app", name: "$script",'
        " targets: [{number: 1, weight: 50}, {number: 2, weight: 50}]}",
    ),
    "envSet": Call(CHANGE, '{app: "$app", variables: [{name: "NEW", value: "1"}]}'),
    "envUnset": Call(CHANGE, '{app: "$app", names: ["PLAIN"]}'),
    "secretSet": Call(CHANGE, '{app: "$app", secrets: [{name: "NEW", value: "1"}]}'),
    "secretUnset": Call(CHANGE, '{app: "$app", names: ["HIDDEN"]}'),
    "routeCreate": Call(CHANGE, '{app: "$app", script: "$script", pattern: "/new/{id}"}'),
    "routeUpdate": Call(CHANGE, '{id: "$route_id", pattern: "/moved"}'),
    "routeDelete": Call(CHANGE, '{id: "$route_id"}'),
    "appRateLimitsSet": Call(CHANGE, '{app: "$app", rateLimits: [{requests: 5}]}'),
    "tokenCreate": Call(READ_ANY, '{name: "fresh", scopes: [READ], app: "$app"}'),
    "tokenRevoke": Call(OWNER, '{id: "$token_id"}'),
    "appEgressSet": Call(CHANGE, '{app: "$app", mode: NONE}'),
    "appRename": Call(OWNER, '{app: "$app", name: "fresh"}'),
    "appTransfer": Call(OWNER, '{app: "$app", email: "$member"}'),
    "appDelete": Call(OWNER, '{app: "$app", confirm: "$app"}'),
    "appRestore": Call(OWNER_OR_HIDDEN, '{app: "$deleted_app"}'),
    "appQuotaSet": Call(APP_ADMIN, '{app: "$app", quotas: [{name: SCRIPTS, limit: 7}]}'),
    "appLeave": Call(LEAVE, '{app: "$app"}'),
    "memberAdd": Call(OWNER, '{app: "$app", email: "$outsider", role: EDITOR}'),
    "memberRoleSet": Call(OWNER, '{app: "$app", email: "$member", role: EDITOR}'),
    "memberRemove": Call(OWNER, '{app: "$app", email: "$member"}'),
    "scriptDelete": Call(CHANGE, '{app: "$app", name: "$script", confirm: "$script"}'),
    "scriptRestore": Call(CHANGE, '{app: "$app", name: "$deleted_script"}'),
}

SUBSCRIPTIONS: Final[Mapping[str, Call]] = {
    "logRecordAppended": Call(LOGS, '(app: "$app", after: "$log_start")'),
    "invocationFinished": Call(LOGS, '(app: "$app", after: "$invocation_start")'),
    "deploymentActivated": Call(READ, '(app: "$app", after: "$deployment_start")'),
}

OBJECTS: Final[Mapping[str, Fields]] = {
    "Viewer": Fields({SESSION: "user", ANY_CHANGE: "tokens sessions"}, at="viewer { % }"),
    "User": Fields({READ: "id email role createdAt disabledAt"}),
    "Session": Fields(
        {ANY_CHANGE: "id current method address agent createdAt usedAt expiresAt"},
        at="viewer { sessions { edges { node { % } } } }",
    ),
    "Invitation": Fields({ADMIN_OBJECT: "id email role app appRole createdBy createdAt expiresAt"}),
    "Token": Fields(
        {OWNER: "id tokenId name scopes user app script createdAt expiresAt lastUsedAt"},
        at='app(name: "$app") { tokens { edges { node { % } } } }',
    ),
    "AuditEntry": Fields(
        {
            OWNER: "entryId at action actor credential credentialId token address agent appName "
            "target before after"
        },
        at='app(name: "$app") { auditEntries { edges { node { % } } } }',
    ),
    "ClusterNode": Fields({SESSION: "id number name startedAt isolation"}),
    "NodeIsolation": Fields(
        {SESSION: "level layers"}, at="clusterNodes { edges { node { isolation { % } } } }"
    ),
    "IsolationLayer": Fields(
        {SESSION: "name active detail"},
        at="clusterNodes { edges { node { isolation { layers { % } } } } }",
    ),
    "App": Fields(
        {
            READ: "id name url createdAt scripts routes rateLimits envVariables secrets egress "
            "viewerRole members quotas formerNames deletedScripts",
            LOGS: "invocations logRecords",
            OWNER: "tokens auditEntries",
        }
    ),
    "Member": Fields(
        {READ: "user role"}, at='app(name: "$app") { members { edges { node { % } } } }'
    ),
    "Quota": Fields({READ: "name used limit isOwn"}, at='app(name: "$app") { quotas { % } }'),
    "DeletedScript": Fields(
        {READ: "name deletedAt purgeAt deletedBy"},
        at='app(name: "$app") { deletedScripts { edges { node { % } } } }',
    ),
    "DeletedApp": Fields(
        {OWNER_OR_HIDDEN: "name deletedAt purgeAt deletedBy"},
        at='deletedApp(name: "$deleted_app") { % }',
    ),
    "Script": Fields(
        {
            READ: "id name app url createdAt activeVersion activeDeployment routes versions "
            "deployments envVariables secrets",
            LOGS: "invocations logRecords versionCounts comparison(before:1,after:2)",
            LOGS_OR_NULL: "lastInvocation",
        }
    ),
    "Version": Fields(
        {
            READ: "id number digest filename files entryPoints kind runtime limits isolation "
            "message previewUrl createdAt createdBy script",
            LOGS: "source",
        }
    ),
    "Limits": Fields(
        {
            READ: "timeoutMs cpuMs memoryMb requestBytes responseBytes headerBytes logBytes "
            "logLineBytes concurrency sandboxes ratePerSecond openResponses streamIdleMs"
        },
        at='node(id: "$version_id") { ... on Version { limits { % } } }',
    ),
    "VersionFile": Fields(
        {READ: "path size", LOGS: "text"},
        at='node(id: "$version_id") { ... on Version { files { % } } }',
    ),
    "VersionCount": Fields(
        {LOGS: "version invocations failed"},
        at='node(id: "$script_id") { ... on Script { versionCounts { % } } }',
    ),
    "Comparison": Fields(
        {LOGS: "before after files settings"},
        at='node(id: "$script_id") { ... on Script { comparison(before: 1, after: 2) { % } } }',
    ),
    "FileDiff": Fields(
        {LOGS: "path change unified"},
        at='node(id: "$script_id") { ... on Script {'
        " comparison(before: 1, after: 2) { files { % } } } }",
    ),
    "SettingDiff": Fields(
        {LOGS: "name before after"},
        at='node(id: "$script_id") { ... on Script {'
        " comparison(before: 1, after: 2) { settings { % } } } }",
    ),
    "Deployment": Fields(
        {READ: "id kind message targets version previous script createdAt createdBy"}
    ),
    "Target": Fields(
        {READ: "weight version"},
        at='node(id: "$deployment_id") { ... on Deployment { targets { % } } }',
    ),
    "Route": Fields(
        {
            READ: "id method pattern url script auth cors rateLimits shadowedBy createdAt "
            "createdBy updatedAt"
        }
    ),
    "EndpointAuth": Fields(
        {READ: "kind user secret scheme windowSeconds keepHeader"},
        at='node(id: "$route_id") { ... on Route { auth { % } } }',
    ),
    "Cors": Fields(
        {READ: "origins credentials allowHeaders exposeHeaders maxAgeSeconds"},
        at='node(id: "$route_id") { ... on Route { cors { % } } }',
    ),
    "RateLimit": Fields(
        {READ: "requests seconds per"},
        at='node(id: "$route_id") { ... on Route { rateLimits { % } } }',
    ),
    "RouteOverlap": Fields(
        {READ: "route path"}, at='node(id: "$route_id") { ... on Route { shadowedBy { % } } }'
    ),
    "EnvVariable": Fields(
        {READ: "name updatedAt updatedBy", ENV_OR_NULL: "value"},
        at='app(name: "$app") { envVariables { edges { node { % } } } }',
    ),
    "Secret": Fields(
        {READ: "name updatedAt updatedBy", ENV_OR_NULL: "hint"},
        at='app(name: "$app") { secrets { edges { node { % } } } }',
    ),
    "EgressPolicy": Fields(
        {READ: "mode allow updatedAt updatedBy"}, at='app(name: "$app") { egress { % } }'
    ),
    "Invocation": Fields(
        {
            LOGS: "id invocationId script version trigger outcome method path status startedAt "
            "durationMs queueMs cold errorCode error fetches logRecords",
        }
    ),
    "Fetch": Fields(
        {LOGS: "method host port status error durationMs bytesOut bytesIn"},
        at='node(id: "$invocation_id") { ... on Invocation { fetches { % } } }',
    ),
    "LogRecord": Fields(
        {LOGS: "invocationId number level stream loggedAt text script"},
        at='app(name: "$app") { logRecords { edges { node { % } } } }',
    ),
}
