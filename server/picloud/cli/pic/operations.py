"""Every GraphQL operation `pic` sends, and the shape of what comes back.

A test validates them against `schema.graphql`. The names in `--json` output are these names.
"""

from __future__ import annotations

from typing import Final, Literal, TypedDict

_LIMITS = """
isolation limits {
  timeoutMs cpuMs memoryMb requestBytes responseBytes headerBytes logBytes logLineBytes
  concurrency sandboxes ratePerSecond openResponses streamIdleMs
}
"""
_TARGETS = "targets { weight version { number } }"
_DEPLOYMENT = f"kind message createdAt {_TARGETS}"
_BY = "updatedAt updatedBy { email }"

SESSION_CREATE: Final = """
mutation SessionCreate($email: String!, $password: String!) {
  sessionCreate(input: { email: $email, password: $password }) {
    __typename
    ... on SessionCreateSuccess { token expiresAt user { email role } }
    ... on Error { code message }
  }
}
"""

SESSION_DELETE: Final = """
mutation SessionDelete { sessionDelete { __typename } }
"""

VIEWER: Final = """
query Viewer { viewer { user { email role createdAt } } }
"""

APP_CREATE: Final = """
mutation AppCreate($name: String!) {
  appCreate(input: { name: $name }) {
    __typename
    ... on AppCreateSuccess { app { name createdAt } }
    ... on InvalidInputError { fields { field message } }
    ... on Error { code message }
  }
}
"""

APPS: Final = """
query Apps($after: String) {
  apps(first: 100, after: $after) {
    edges { node { name createdAt } }
    pageInfo { hasNextPage endCursor }
  }
}
"""

SCRIPTS: Final = f"""
query Scripts($app: String!, $after: String) {{
  app(name: $app) {{
    scripts(first: 100, after: $after) {{
      edges {{ node {{ name createdAt activeVersion {{ number createdAt {_LIMITS} }} }} }}
      pageInfo {{ hasNextPage endCursor }}
    }}
  }}
}}
"""

VERSIONS: Final = f"""
query Versions($app: String!, $script: String!, $last: Int!) {{
  script(app: $app, name: $script) {{
    activeDeployment {{ {_TARGETS} }}
    versions(last: $last) {{
      edges {{
        node {{
          number filename kind entryPoints runtime digest message previewUrl
          createdAt createdBy {{ email }} {_LIMITS}
        }}
      }}
    }}
  }}
}}
"""

COMPARISON: Final = """
query Comparison($app: String!, $script: String!, $before: Int!, $after: Int!) {
  script(app: $app, name: $script) {
    comparison(before: $before, after: $after) {
      before { number }
      after { number }
      files { path change unified }
      settings { name before after }
    }
  }
}
"""

DEPLOYMENTS: Final = f"""
query Deployments($app: String!, $script: String!, $last: Int!) {{
  script(app: $app, name: $script) {{
    deployments(last: $last) {{
      edges {{ node {{ {_DEPLOYMENT} createdBy {{ email }} previous {{ {_TARGETS} }} }} }}
    }}
  }}
}}
"""

SPLIT: Final = f"""
query Split($app: String!, $script: String!) {{
  script(app: $app, name: $script) {{
    activeDeployment {{ {_TARGETS} }}
    versionCounts {{ version {{ number }} invocations failed }}
  }}
}}
"""

SCRIPT_DEPLOY: Final = f"""
mutation ScriptDeploy($input: ScriptDeployInput!) {{
  scriptDeploy(input: $input) {{
    __typename
    ... on ScriptDeploySuccess {{
      created newVersion unchanged
      script {{ name }}
      version {{ number kind entryPoints createdAt previewUrl {_LIMITS} }}
      deployment {{ kind }}
    }}
    ... on InvalidInputError {{ fields {{ field message }} }}
    ... on SourceRejectedError {{ filename line column text }}
    ... on Error {{ code message }}
  }}
}}
"""

SCRIPT_ROLLBACK: Final = f"""
mutation ScriptRollback($input: ScriptRollbackInput!) {{
  scriptRollback(input: $input) {{
    __typename
    ... on ScriptRollbackSuccess {{ unchanged deployment {{ {_DEPLOYMENT} }} }}
    ... on InvalidInputError {{ fields {{ field message }} }}
    ... on Error {{ code message }}
  }}
}}
"""

SCRIPT_PROMOTE: Final = f"""
mutation ScriptPromote($input: ScriptPromoteInput!) {{
  scriptPromote(input: $input) {{
    __typename
    ... on ScriptPromoteSuccess {{ unchanged deployment {{ {_DEPLOYMENT} }} }}
    ... on InvalidInputError {{ fields {{ field message }} }}
    ... on Error {{ code message }}
  }}
}}
"""

SCRIPT_SPLIT: Final = f"""
mutation ScriptSplit($input: ScriptSplitInput!) {{
  scriptSplit(input: $input) {{
    __typename
    ... on ScriptSplitSuccess {{ unchanged deployment {{ {_DEPLOYMENT} }} }}
    ... on InvalidInputError {{ fields {{ field message }} }}
    ... on Error {{ code message }}
  }}
}}
"""

_ENV_VARIABLES_PAGE = f"""
  envVariables(first: 100, after: $after) {{
    edges {{ node {{ name value {_BY} }} }}
    pageInfo {{ hasNextPage endCursor }}
  }}
"""
ENV_VARIABLES: Final = f"""
query EnvVariables($app: String!, $after: String) {{
  owner: app(name: $app) {{ {_ENV_VARIABLES_PAGE} }}
}}
"""

SCRIPT_ENV_VARIABLES: Final = f"""
query ScriptEnvVariables($app: String!, $script: String!, $after: String) {{
  owner: script(app: $app, name: $script) {{ {_ENV_VARIABLES_PAGE} }}
}}
"""

ENV_SET: Final = """
mutation EnvSet($app: String!, $script: String, $variables: [NamedValueInput!]!) {
  envSet(input: { app: $app, script: $script, variables: $variables }) {
    __typename
    ... on InvalidInputError { fields { field message } }
    ... on Error { code message }
  }
}
"""

ENV_UNSET: Final = """
mutation EnvUnset($app: String!, $script: String, $names: [String!]!) {
  envUnset(input: { app: $app, script: $script, names: $names }) {
    __typename
    ... on InvalidInputError { fields { field message } }
    ... on Error { code message }
  }
}
"""

_SECRETS_PAGE = f"""
  secrets(first: 100, after: $after) {{
    edges {{ node {{ name hint {_BY} }} }}
    pageInfo {{ hasNextPage endCursor }}
  }}
"""
SECRETS: Final = f"""
query Secrets($app: String!, $after: String) {{
  owner: app(name: $app) {{ {_SECRETS_PAGE} }}
}}
"""

SCRIPT_SECRETS: Final = f"""
query ScriptSecrets($app: String!, $script: String!, $after: String) {{
  owner: script(app: $app, name: $script) {{ {_SECRETS_PAGE} }}
}}
"""

SECRET_SET: Final = """
mutation SecretSet($app: String!, $script: String, $secrets: [NamedValueInput!]!) {
  secretSet(input: { app: $app, script: $script, secrets: $secrets }) {
    __typename
    ... on InvalidInputError { fields { field message } }
    ... on Error { code message }
  }
}
"""

SECRET_UNSET: Final = """
mutation SecretUnset($app: String!, $script: String, $names: [String!]!) {
  secretUnset(input: { app: $app, script: $script, names: $names }) {
    __typename
    ... on InvalidInputError { fields { field message } }
    ... on Error { code message }
  }
}
"""

EGRESS: Final = f"""
query Egress($app: String!) {{ app(name: $app) {{ egress {{ mode allow {_BY} }} }} }}
"""

EGRESS_SET: Final = f"""
mutation EgressSet($app: String!, $mode: EgressMode!, $allow: [String!]!) {{
  appEgressSet(input: {{ app: $app, mode: $mode, allow: $allow }}) {{
    __typename
    ... on AppEgressSetSuccess {{ app {{ egress {{ mode allow {_BY} }} }} }}
    ... on InvalidInputError {{ fields {{ field message }} }}
    ... on Error {{ code message }}
  }}
}}
"""

_ROUTE = """
id method pattern url script { name }
auth { kind user secret scheme windowSeconds keepHeader }
cors { origins credentials allowHeaders exposeHeaders maxAgeSeconds }
rateLimits { requests seconds per }
createdAt updatedAt
"""
_ROUTE_AND_OVERLAPS = f"""
route {{ {_ROUTE} shadowedBy {{ path route {{ method pattern script {{ name }} }} }} }}
"""

ROUTES: Final = f"""
query Routes($app: String!, $after: String) {{
  app(name: $app) {{
    routes(first: 100, after: $after) {{
      edges {{ node {{ {_ROUTE} }} }}
      pageInfo {{ hasNextPage endCursor }}
    }}
  }}
}}
"""

ROUTE_CREATE: Final = f"""
mutation RouteCreate($input: RouteCreateInput!) {{
  routeCreate(input: $input) {{
    __typename
    ... on RouteCreateSuccess {{ {_ROUTE_AND_OVERLAPS} }}
    ... on InvalidInputError {{ fields {{ field message }} }}
    ... on Error {{ code message }}
  }}
}}
"""

ROUTE_UPDATE: Final = f"""
mutation RouteUpdate($input: RouteUpdateInput!) {{
  routeUpdate(input: $input) {{
    __typename
    ... on RouteUpdateSuccess {{ {_ROUTE_AND_OVERLAPS} }}
    ... on InvalidInputError {{ fields {{ field message }} }}
    ... on Error {{ code message }}
  }}
}}
"""

ROUTE_DELETE: Final = """
mutation RouteDelete($input: RouteDeleteInput!) {
  routeDelete(input: $input) {
    __typename
    ... on RouteDeleteSuccess { id method pattern }
    ... on Error { code message }
  }
}
"""

APP_RATE_LIMITS_SET: Final = """
mutation AppRateLimitsSet($input: AppRateLimitsSetInput!) {
  appRateLimitsSet(input: $input) {
    __typename
    ... on AppRateLimitsSetSuccess { app { rateLimits { requests seconds per } } }
    ... on InvalidInputError { fields { field message } }
    ... on Error { code message }
  }
}
"""

INVOCATIONS: Final = """
query Invocations($app: String!, $script: String!, $last: Int!) {
  script(app: $app, name: $script) {
    invocations(last: $last) {
      edges {
        node {
          invocationId trigger outcome method path status startedAt durationMs queueMs cold
          errorCode error version { number }
          fetches { method host port status error durationMs bytesOut bytesIn }
        }
      }
    }
  }
}
"""

_RECORD = "invocationId number level stream loggedAt text script { name }"

_LOG_PAGE = f"""
logRecords(last: $last, before: $before, level: $level) {{
  edges {{ node {{ {_RECORD} }} }}
  pageInfo {{ hasPreviousPage startCursor }}
  liveCursor
}}
"""

SCRIPT_LOGS: Final = f"""
query ScriptLogs(
  $app: String!, $script: String!, $last: Int!, $before: String, $level: LogLevel
) {{
  owner: script(app: $app, name: $script) {{ {_LOG_PAGE} }}
}}
"""

APP_LOGS: Final = f"""
query AppLogs($app: String!, $last: Int!, $before: String, $level: LogLevel) {{
  owner: app(name: $app) {{ {_LOG_PAGE} }}
}}
"""

LOG_TAIL: Final = f"""
subscription LogTail($app: String!, $script: String, $level: LogLevel, $after: String) {{
  logRecordAppended(app: $app, script: $script, level: $level, after: $after) {{
    cursor
    logRecord {{ {_RECORD} }}
  }}
}}
"""

_TOKEN = """
id tokenId name scopes app { name } script { name } user { email } createdAt expiresAt lastUsedAt
"""

TOKENS: Final = f"""
query Tokens($after: String) {{
  viewer {{
    tokens(first: 100, after: $after) {{
      edges {{ node {{ {_TOKEN} }} }}
      pageInfo {{ hasNextPage endCursor }}
    }}
  }}
}}
"""

APP_TOKENS: Final = f"""
query AppTokens($app: String!, $after: String) {{
  app(name: $app) {{
    tokens(first: 100, after: $after) {{
      edges {{ node {{ {_TOKEN} }} }}
      pageInfo {{ hasNextPage endCursor }}
    }}
  }}
}}
"""

TOKEN_CREATE: Final = f"""
mutation TokenCreate($input: TokenCreateInput!) {{
  tokenCreate(input: $input) {{
    __typename
    ... on TokenCreateSuccess {{ secret token {{ {_TOKEN} }} }}
    ... on InvalidInputError {{ fields {{ field message }} }}
    ... on Error {{ code message }}
  }}
}}
"""

TOKEN_REVOKE: Final = """
mutation TokenRevoke($id: ID!) {
  tokenRevoke(input: { id: $id }) {
    __typename
    ... on TokenRevokeSuccess { revokedAt }
    ... on Error { code message }
  }
}
"""

_AUDIT = """
edges {
  node {
    entryId at action actor credential credentialId token { id name } address agent appName target
    before after
  }
}
pageInfo { hasNextPage endCursor }
"""
_AUDIT_ARGUMENTS = "first: $first, last: $last, after: $after, where: $where"
_AUDIT_VARIABLES = "$first: Int, $last: Int, $after: String, $where: AuditFilter"

AUDIT: Final = f"""
query Audit({_AUDIT_VARIABLES}) {{
  auditEntries({_AUDIT_ARGUMENTS}) {{ {_AUDIT} }}
}}
"""

APP_AUDIT: Final = f"""
query AppAudit($app: String!, {_AUDIT_VARIABLES}) {{
  app(name: $app) {{ auditEntries({_AUDIT_ARGUMENTS}) {{ {_AUDIT} }} }}
}}
"""

ALL: Final[dict[str, str]] = {
    name: value
    for name, value in list(globals().items())
    if isinstance(value, str) and name.isupper() and not name.startswith("_")
}

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]


class NameOnly(TypedDict):
    """The script a record belongs to."""

    name: str


class LogRecord(TypedDict):
    """One structured line."""

    invocationId: str | None
    number: int
    level: LogLevel
    stream: str
    loggedAt: str
    text: str
    script: NameOnly | None


class VersionNumber(TypedDict):
    """A version where only its number matters."""

    number: int


class Fetch(TypedDict):
    """One request a script made to the outside."""

    method: str
    host: str
    port: int
    status: int | None
    error: str | None
    durationMs: int
    bytesOut: int
    bytesIn: int


class Invocation(TypedDict):
    """One run."""

    invocationId: str
    trigger: str
    outcome: str
    method: str | None
    path: str | None
    status: int | None
    startedAt: str
    durationMs: float
    queueMs: float
    cold: bool
    errorCode: str | None
    error: str | None
    version: VersionNumber | None
    fetches: list[Fetch]
