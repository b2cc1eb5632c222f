import { useGraphiQL, useGraphiQLActions, type GraphiQLPlugin } from "@graphiql/react";
import { useEffect, useRef } from "react";
import { EXAMPLES, type Example } from "./examples";

function Content() {
  const { addTab } = useGraphiQLActions();
  const tabs = useGraphiQL((state) => state.tabs.length);
  const queryEditor = useGraphiQL((state) => state.queryEditor);
  const variableEditor = useGraphiQL((state) => state.variableEditor);
  const chosen = useRef<Example | null>(null);

  // The new tab's editors are filled once the store has it.
  useEffect(() => {
    if (chosen.current) {
      queryEditor?.setValue(chosen.current.query);
      variableEditor?.setValue(chosen.current.variables ?? "");
      chosen.current = null;
    }
  }, [tabs, queryEditor, variableEditor]);

  return (
    <section aria-label="Examples">
      <h2 className="examples-title">Examples</h2>
      <ul className="examples">
        {EXAMPLES.map((example) => (
          <li key={example.title}>
            <button
              type="button"
              onClick={() => {
                chosen.current = example;
                addTab();
              }}
            >
              <strong>{example.title}</strong>
              <span>{example.about}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Icon() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.6" aria-hidden="true">
      <path d="M9 18h6M10 21h4M12 3a6 6 0 0 0-3.6 10.8c.7.6 1.1 1.2 1.1 2.2h5c0-1 .4-1.6 1.1-2.2A6 6 0 0 0 12 3Z" />
    </svg>
  );
}

export const examplesPlugin: GraphiQLPlugin = { title: "Examples", icon: Icon, content: Content };
