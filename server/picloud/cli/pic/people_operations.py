"""The GraphQL operations of `pic users`, `pic join`, `pic password` and `pic sessions`."""

from __future__ import annotations

from typing import Final

_FAULTS: Final = (
    "... on InvalidInputError { fields { field message } } ... on Error { code message }"
)
_LATER: Final = "... on TooManyAttemptsError { retryAfterSeconds }"
_BEGUN: Final = "token expiresAt user { email role }"
_INVITATION: Final = "email role app { name } appRole createdBy { email } createdAt expiresAt"
_USER: Final = "email role createdAt disabledAt"

INVITATION_ACCEPT: Final = f"""
mutation InvitationAccept($secret: String!, $email: String!, $password: String!) {{
  invitationAccept(input: {{ secret: $secret, email: $email, password: $password }}) {{
    __typename
    ... on InvitationAcceptSuccess {{ {_BEGUN} }}
    {_LATER} {_FAULTS}
  }}
}}
"""

PASSWORD_RESET: Final = f"""
mutation PasswordReset($secret: String!, $new: String!) {{
  passwordReset(input: {{ secret: $secret, newPassword: $new }}) {{
    __typename
    ... on PasswordResetSuccess {{ {_BEGUN} }}
    {_LATER} {_FAULTS}
  }}
}}
"""

PASSWORD_CHANGE: Final = f"""
mutation PasswordChange($old: String!, $new: String!) {{
  passwordChange(input: {{ oldPassword: $old, newPassword: $new }}) {{
    __typename
    ... on PasswordChangeSuccess {{ {_BEGUN} }}
    {_LATER} {_FAULTS}
  }}
}}
"""

SESSIONS: Final = """
query Sessions($after: String) {
  viewer {
    sessions(first: 100, after: $after) {
      edges { node { id current method address agent createdAt usedAt expiresAt } }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""

SESSION_REVOKE: Final = """
mutation SessionRevoke($id: ID!) {
  sessionRevoke(input: { id: $id }) { __typename ... on Error { code message } }
}
"""

SESSION_REVOKE_OTHERS: Final = """
mutation SessionRevokeOthers {
  sessionRevokeOthers {
    __typename
    ... on SessionRevokeOthersSuccess { ended }
    ... on Error { code message }
  }
}
"""

USERS: Final = f"""
query Users($after: String) {{
  users(first: 100, after: $after) {{
    edges {{ node {{ {_USER} }} }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}
"""

INVITATIONS: Final = f"""
query Invitations($after: String) {{
  invitations(first: 100, after: $after) {{
    edges {{ node {{ id {_INVITATION} }} }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}
"""

USER_INVITE: Final = f"""
mutation UserInvite($input: UserInviteInput!) {{
  userInvite(input: $input) {{
    __typename
    ... on UserInviteSuccess {{ url secret invitation {{ {_INVITATION} }} }}
    {_FAULTS}
  }}
}}
"""

INVITATION_REVOKE: Final = """
mutation InvitationRevoke($id: ID!) {
  invitationRevoke(input: { id: $id }) { __typename ... on Error { code message } }
}
"""

USER_ROLE_SET: Final = f"""
mutation UserRoleSet($email: String!, $role: InstanceRole!) {{
  userRoleSet(input: {{ email: $email, role: $role }}) {{
    __typename
    ... on UserRoleSetSuccess {{ user {{ {_USER} }} }}
    ... on Error {{ code message }}
  }}
}}
"""

USER_DISABLE: Final = f"""
mutation UserDisable($email: String!) {{
  userDisable(input: {{ email: $email }}) {{
    __typename
    ... on UserDisableSuccess {{ user {{ {_USER} }} }}
    ... on Error {{ code message }}
  }}
}}
"""

USER_ENABLE: Final = f"""
mutation UserEnable($email: String!) {{
  userEnable(input: {{ email: $email }}) {{
    __typename
    ... on UserEnableSuccess {{ user {{ {_USER} }} }}
    ... on Error {{ code message }}
  }}
}}
"""

USER_DELETE: Final = """
mutation UserDelete($email: String!) {
  userDelete(input: { email: $email }) { __typename ... on Error { code message } }
}
"""

PASSWORD_RESET_CREATE: Final = """
mutation PasswordResetCreate($email: String!) {
  passwordResetCreate(input: { email: $email }) {
    __typename
    ... on PasswordResetCreateSuccess { url secret expiresAt user { email } }
    ... on Error { code message }
  }
}
"""

ALL: Final[dict[str, str]] = {
    name: value
    for name, value in list(globals().items())
    if isinstance(value, str) and name.isupper() and not name.startswith("_")
}
