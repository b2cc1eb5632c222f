"""Renaming, deleting and restoring apps and scripts, and the quotas of apps."""

from __future__ import annotations

from typing import Annotated

import strawberry

from picloud.domain.quota import Quota
from picloud.manager.graphql import fields
from picloud.manager.graphql.app_fields import DeletedAppView, DeletedScriptView
from picloud.manager.graphql.context import Info
from picloud.manager.graphql.enums import QuotaName
from picloud.manager.graphql.errors import (
    InvalidInputError,
    NameTakenError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
)
from picloud.manager.graphql.scripts import AppView, ScriptView


@strawberry.input(description="Another name for an app.")
class AppRenameInput:
    """Which one, and which name."""

    app: str = strawberry.field(description="The app's name.")
    name: str = strawberry.field(description="The name it is to have, a DNS label.")


@strawberry.input(description="An app to delete.")
class AppDeleteInput:
    """Which one."""

    app: str = strawberry.field(description="The app's name.")
    confirm: str = strawberry.field(description="The app's name again, as it is called now.")


@strawberry.input(description="An app to restore.")
class AppRestoreInput:
    """Which one."""

    app: str = strawberry.field(description="The deleted app's name.")


@strawberry.input(description="A script to delete.")
class ScriptDeleteInput:
    """Which one."""

    app: str = strawberry.field(description="The app's name.")
    name: str = strawberry.field(description="The script's name.")
    confirm: str = strawberry.field(description="The script's name again.")


@strawberry.input(description="A script to restore.")
class ScriptRestoreInput:
    """Which one."""

    app: str = strawberry.field(description="The app's name.")
    name: str = strawberry.field(description="The deleted script's name.")


@strawberry.input(description="One quota.")
class QuotaInput:
    """Of what, and how much."""

    name: QuotaName = strawberry.field(description="Of what.")
    limit: int | None = strawberry.field(
        default=None, description="How much there may be; null: as the instance allows."
    )


@strawberry.input(description="Quotas for one app; those not named stay as they are.")
class AppQuotaSetInput:
    """Of which app, and which."""

    app: str = strawberry.field(description="The app's name.")
    quotas: list[QuotaInput] = strawberry.field(description="The quotas.")


@strawberry.type(description="The app has the name.")
class AppRenameSuccess:
    """What became of it."""

    app: AppView = strawberry.field(description="The app.")


@strawberry.type(description="The app is deleted.")
class AppDeleteSuccess:
    """What became of it."""

    deleted_app: DeletedAppView = strawberry.field(description="Until when that can be undone.")


@strawberry.type(description="The app is as it was.")
class AppRestoreSuccess:
    """What became of it."""

    app: AppView = strawberry.field(description="The app.")


@strawberry.type(description="The script is deleted.")
class ScriptDeleteSuccess:
    """What became of it."""

    deleted_script: DeletedScriptView = strawberry.field(
        description="Until when that can be undone."
    )


@strawberry.type(description="The script is as it was.")
class ScriptRestoreSuccess:
    """What became of it."""

    script: ScriptView = strawberry.field(description="The script.")


@strawberry.type(description="The quotas hold.")
class AppQuotaSetSuccess:
    """What became of it."""

    app: AppView = strawberry.field(description="The app.")


AppRenamePayload = Annotated[
    AppRenameSuccess
    | NotFoundError
    | PermissionDeniedError
    | InvalidInputError
    | NameTakenError
    | QuotaExceededError,
    strawberry.union("AppRenamePayload", description="What came of renaming an app."),
]
AppDeletePayload = Annotated[
    AppDeleteSuccess | NotFoundError | PermissionDeniedError | InvalidInputError,
    strawberry.union("AppDeletePayload", description="What came of deleting an app."),
]
AppRestorePayload = Annotated[
    AppRestoreSuccess | NotFoundError,
    strawberry.union("AppRestorePayload", description="What came of restoring an app."),
]
ScriptDeletePayload = Annotated[
    ScriptDeleteSuccess | NotFoundError | PermissionDeniedError | InvalidInputError,
    strawberry.union("ScriptDeletePayload", description="What came of deleting a script."),
]
ScriptRestorePayload = Annotated[
    ScriptRestoreSuccess | NotFoundError | PermissionDeniedError | QuotaExceededError,
    strawberry.union("ScriptRestorePayload", description="What came of restoring a script."),
]
AppQuotaSetPayload = Annotated[
    AppQuotaSetSuccess | NotFoundError | PermissionDeniedError | InvalidInputError,
    strawberry.union("AppQuotaSetPayload", description="What came of setting quotas."),
]


@strawberry.type
class AppsMutation:
    """One field for each change."""

    @fields.mutation(
        description="Give an app another name. Requests for the one it has are sent on (308), and "
        "no other app gets it."
    )
    async def app_rename(
        self,
        info: Info,
        input: Annotated[AppRenameInput, strawberry.argument(description="The name.")],
    ) -> AppRenamePayload:
        """Rename an app."""
        actor = info.context.require_actor()
        app = await info.context.services.apps.rename(actor, input.app, name=input.name)
        return AppRenameSuccess(app=AppView(app=app))

    @fields.mutation(
        description="Delete an app with all it owns. It stops serving within 5 seconds, and can be "
        "restored until `purgeAt`."
    )
    async def app_delete(
        self,
        info: Info,
        input: Annotated[AppDeleteInput, strawberry.argument(description="The app.")],
    ) -> AppDeletePayload:
        """Delete an app."""
        actor = info.context.require_actor()
        deleted = await info.context.services.deletions.delete_app(
            actor, input.app, confirm=input.confirm
        )
        return AppDeleteSuccess(deleted_app=DeletedAppView.of(deleted))

    @fields.mutation(description="Undo the deletion of an app: all of it is as it was.")
    async def app_restore(
        self,
        info: Info,
        input: Annotated[AppRestoreInput, strawberry.argument(description="The app.")],
    ) -> AppRestorePayload:
        """Restore an app."""
        actor = info.context.require_actor()
        app = await info.context.services.deletions.restore_app(actor, input.app)
        return AppRestoreSuccess(app=AppView(app=app))

    @fields.mutation(
        description="Delete a script. It stops serving within 5 seconds, and can be restored until "
        "`purgeAt`; deploying it again restores it too."
    )
    async def script_delete(
        self,
        info: Info,
        input: Annotated[ScriptDeleteInput, strawberry.argument(description="The script.")],
    ) -> ScriptDeletePayload:
        """Delete a script."""
        actor = info.context.require_actor()
        deleted = await info.context.services.deletions.delete_script(
            actor, input.app, input.name, confirm=input.confirm
        )
        return ScriptDeleteSuccess(deleted_script=DeletedScriptView.of(deleted))

    @fields.mutation(description="Undo the deletion of a script: it serves as it did.")
    async def script_restore(
        self,
        info: Info,
        input: Annotated[ScriptRestoreInput, strawberry.argument(description="The script.")],
    ) -> ScriptRestorePayload:
        """Restore a script."""
        actor = info.context.require_actor()
        script = await info.context.services.deletions.restore_script(actor, input.app, input.name)
        return ScriptRestoreSuccess(script=ScriptView.of(script))

    @fields.mutation(description="Say what one app may have. Only an admin of the instance may.")
    async def app_quota_set(
        self,
        info: Info,
        input: Annotated[AppQuotaSetInput, strawberry.argument(description="The quotas.")],
    ) -> AppQuotaSetPayload:
        """Set quotas."""
        given = {Quota[each.name.name]: each.limit for each in input.quotas}
        actor = info.context.require_actor()
        app = await info.context.services.quotas.set(actor, input.app, given)
        return AppQuotaSetSuccess(app=AppView(app=app))
