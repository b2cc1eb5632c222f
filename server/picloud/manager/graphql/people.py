"""Users and cluster nodes."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import strawberry

from picloud.domain.cluster_node import ClusterNode
from picloud.domain.user import User
from picloud.manager.graphql import fields
from picloud.manager.graphql.context import Info
from picloud.manager.graphql.enums import InstanceRole, IsolationLevel
from picloud.manager.graphql.nodes import Node


@strawberry.type(name="User", description="A person with a log-in.")
class UserView(Node):
    """A user."""

    user: strawberry.Private[User]

    def key(self) -> UUID:
        """The user's id."""
        return self.user.id

    @fields.field(description="The e-mail address, lower case.")
    def email(self) -> str:
        """The log-in name."""
        return self.user.email

    @fields.field(description="What the user is to the instance.")
    def role(self) -> InstanceRole:
        """Admin or member."""
        return InstanceRole[self.user.role.name]

    @fields.field(description="When the user was created.")
    def created_at(self) -> datetime:
        """The moment."""
        return self.user.created_at

    @fields.field(description="Since when the user may not log in; null: may.")
    def disabled_at(self) -> datetime | None:
        """The moment."""
        return self.user.disabled_at


@strawberry.type(name="IsolationLayer", description="One wall between a script and the machine.")
class IsolationLayerView:
    """A layer of the jail."""

    name: str = strawberry.field(description="Which one.")
    active: bool = strawberry.field(description="Whether it held when the node tried it.")
    detail: str = strawberry.field(description="Which variant, or why not; may be empty.")


@strawberry.type(name="NodeIsolation", description="How far scripts are kept apart on one machine.")
class NodeIsolationView:
    """A level and the layers it follows from."""

    level: IsolationLevel = strawberry.field(description="What the layers amount to.")
    layers: list[IsolationLayerView] = strawberry.field(description="Every layer, active or not.")


@strawberry.type(name="ClusterNode", description="A machine that runs scripts.")
class ClusterNodeView(Node):
    """A node."""

    cluster_node: strawberry.Private[ClusterNode]

    def key(self) -> UUID:
        """The node's id."""
        return self.cluster_node.id

    @fields.field(description="The node's number within the cluster.")
    def number(self) -> int:
        """From 1."""
        return self.cluster_node.number

    @fields.field(description="The machine's name.")
    def name(self) -> str:
        """For people."""
        return self.cluster_node.name

    @fields.field(description="When the node last started.")
    def started_at(self) -> datetime:
        """The moment."""
        return self.cluster_node.started_at

    @fields.field(description="How far scripts are kept apart there.")
    def isolation(self) -> NodeIsolationView:
        """As the node found at its last start."""
        found = self.cluster_node.isolation
        layers = [
            IsolationLayerView(name=layer.name, active=layer.active, detail=layer.detail)
            for layer in found.layers
        ]
        return NodeIsolationView(level=IsolationLevel[found.level.name], layers=layers)


async def author_of(info: Info, user_id: UUID | None) -> UserView | None:
    """The user behind something that has been read."""
    user = await info.context.reading.author(user_id)
    return UserView(user=user) if user else None
