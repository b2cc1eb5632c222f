import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { HISTORY_PLUGIN } from "@graphiql/plugin-history";
import { GraphiQL } from "graphiql";
import { createClient } from "graphql-ws";
import { useMemo } from "react";
import { EXAMPLES } from "./examples";
import { examplesPlugin } from "./examples-plugin";
import { Mark } from "./mark";
import { ENDPOINT } from "./session";

const PLUGINS = [examplesPlugin, HISTORY_PLUGIN];

interface Props {
  readonly email: string;
  readonly onLogOut: () => void;
}

/** GraphiQL on the platform's own API. */
export function Playground({ email, onLogOut }: Props) {
  const fetcher = useMemo(() => {
    const url = new URL(ENDPOINT, window.location.href);
    const socket = new URL(url);
    socket.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    return createGraphiQLFetcher({
      url: url.href,
      wsClient: createClient({ url: socket.href, lazy: true, retryAttempts: 20 }),
    });
  }, []);

  return (
    <div className="page">
      <header>
        <Mark />
        <h1>
          PiCloud <span>playground</span>
        </h1>
        <nav>
          <span className="who" title="Logged in">
            {email}
          </span>
          <button type="button" onClick={onLogOut}>
            Log out
          </button>
        </nav>
      </header>
      <GraphiQL
        fetcher={fetcher}
        plugins={PLUGINS}
        defaultEditorToolsVisibility={false}
        visiblePlugin="Examples"
        defaultTabs={[{ query: EXAMPLES[0]?.query ?? "" }]}
        inputValueDeprecation
      >
        <GraphiQL.Logo>{null}</GraphiQL.Logo>
      </GraphiQL>
    </div>
  );
}
