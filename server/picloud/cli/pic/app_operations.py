"""The operations on apps as a whole, their members and what was deleted."""

from __future__ import annotations

from typing import Final

APP_RENAME: Final = """
mutation AppRename($app: String!, $name: String!) {
  appRename(input: { app: $app, name: $name }) {
    __typename
    ... on AppRenameSuccess { app { name formerNames createdAt } }
    ... on InvalidInputError { fields { field message } }
    ... on Error { code message }
  }
}
"""

APP_TRANSFER: Final = """
mutation AppTransfer($app: String!, $email: String!) {
  appTransfer(input: { app: $app, email: $email }) {
    __typename
    ... on AppTransferSuccess { app { name } }
    ... on Error { code message }
  }
}
"""

APP_DELETE: Final = """
mutation AppDelete($app: String!, $confirm: String!) {
  appDelete(input: { app: $app, confirm: $confirm }) {
    __typename
    ... on AppDeleteSuccess { deletedApp { name deletedAt purgeAt } }
    ... on InvalidInputError { fields { field message } }
    ... on Error { code message }
  }
}
"""

APP_RESTORE: Final = """
mutation AppRestore($app: String!) {
  appRestore(input: { app: $app }) {
    __typename
    ... on AppRestoreSuccess { app { name createdAt } }
    ... on Error { code message }
  }
}
"""

DELETED_APPS: Final = """
query DeletedApps($after: String) {
  deletedApps(first: 100, after: $after) {
    edges { node { name deletedAt purgeAt deletedBy { email } } }
    pageInfo { hasNextPage endCursor }
  }
}
"""

APP_QUOTAS: Final = """
query AppQuotas($app: String!) {
  app(name: $app) { name quotas { name used limit isOwn } }
}
"""

APP_QUOTA_SET: Final = """
mutation AppQuotaSet($app: String!, $quotas: [QuotaInput!]!) {
  appQuotaSet(input: { app: $app, quotas: $quotas }) {
    __typename
    ... on AppQuotaSetSuccess { app { name quotas { name used limit isOwn } } }
    ... on InvalidInputError { fields { field message } }
    ... on Error { code message }
  }
}
"""

MEMBERS: Final = """
query Members($app: String!, $after: String) {
  app(name: $app) {
    members(first: 100, after: $after) {
      edges { node { role user { email role } } }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""

MEMBER_ADD: Final = """
mutation MemberAdd($app: String!, $email: String!, $role: AppRole!) {
  memberAdd(input: { app: $app, email: $email, role: $role }) {
    __typename
    ... on MemberAddSuccess { member { role user { email } } }
    ... on Error { code message }
  }
}
"""

MEMBER_ROLE_SET: Final = """
mutation MemberRoleSet($app: String!, $email: String!, $role: AppRole!) {
  memberRoleSet(input: { app: $app, email: $email, role: $role }) {
    __typename
    ... on MemberRoleSetSuccess { member { role user { email } } }
    ... on Error { code message }
  }
}
"""

MEMBER_REMOVE: Final = """
mutation MemberRemove($app: String!, $email: String!) {
  memberRemove(input: { app: $app, email: $email }) {
    __typename
    ... on MemberRemoveSuccess { email }
    ... on Error { code message }
  }
}
"""

APP_LEAVE: Final = """
mutation AppLeave($app: String!) {
  appLeave(input: { app: $app }) {
    __typename
    ... on AppLeaveSuccess { appName }
    ... on Error { code message }
  }
}
"""

SCRIPT_DELETE: Final = """
mutation ScriptDelete($app: String!, $name: String!, $confirm: String!) {
  scriptDelete(input: { app: $app, name: $name, confirm: $confirm }) {
    __typename
    ... on ScriptDeleteSuccess { deletedScript { name deletedAt purgeAt } }
    ... on InvalidInputError { fields { field message } }
    ... on Error { code message }
  }
}
"""

SCRIPT_RESTORE: Final = """
mutation ScriptRestore($app: String!, $name: String!) {
  scriptRestore(input: { app: $app, name: $name }) {
    __typename
    ... on ScriptRestoreSuccess { script { name createdAt activeVersion { number } } }
    ... on Error { code message }
  }
}
"""

DELETED_SCRIPTS: Final = """
query DeletedScripts($app: String!, $after: String) {
  app(name: $app) {
    deletedScripts(first: 100, after: $after) {
      edges { node { name deletedAt purgeAt deletedBy { email } } }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""

ALL: Final[dict[str, str]] = {
    name: value
    for name, value in list(globals().items())
    if isinstance(value, str) and name.isupper() and not name.startswith("_")
}
