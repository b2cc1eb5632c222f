// Operations to start from.
export interface Example {
  readonly title: string;
  readonly about: string;
  readonly query: string;
  readonly variables?: string;
}

const json = (value: unknown): string => JSON.stringify(value, null, 2);

export const EXAMPLES: readonly Example[] = [
  {
    title: "Overview",
    about: "You, your apps, and the version each script serves.",
    query: `query Overview {
  viewer {
    user {
      email
      role
    }
  }
  apps(first: 20) {
    edges {
      node {
        name
        url
        scripts(first: 20) {
          edges {
            node {
              name
              url
              activeVersion {
                number
                createdAt
              }
            }
          }
        }
      }
    }
  }
}
`,
  },
  {
    title: "Create an app",
    about: "An app owns scripts; its name is also its host name.",
    query: `mutation CreateApp($input: AppCreateInput!) {
  appCreate(input: $input) {
    ... on AppCreateSuccess {
      app {
        id
        name
        url
      }
    }
    ... on Error {
      code
      message
    }
  }
}
`,
    variables: json({ input: { name: "demo" } }),
  },
  {
    title: "Deploy a script",
    about: "The first deploy creates the script; each one makes a version that serves at once.",
    query: `mutation Deploy($input: ScriptDeployInput!) {
  scriptDeploy(input: $input) {
    ... on ScriptDeploySuccess {
      created
      script {
        url
      }
      version {
        number
        kind
        entryPoints
      }
    }
    ... on SourceRejectedError {
      line
      column
      text
    }
    ... on InvalidInputError {
      fields {
        field
        message
      }
    }
    ... on Error {
      code
      message
    }
  }
}
`,
    variables: json({
      input: {
        app: "demo",
        name: "hello",
        filename: "hello.py",
        source:
          'def handler(request):\n    name = request.query.get("name", "world")\n    print("hello", name)\n    return {"hello": name}\n',
      },
    }),
  },
  {
    title: "How the scripts are doing",
    about: "A page of scripts: who deployed what serves, and how the last run ended.",
    query: `query Scripts($app: String!) {
  app(name: $app) {
    scripts(first: 100) {
      edges {
        node {
          name
          url
          activeVersion {
            number
            createdAt
            createdBy {
              email
            }
          }
          lastInvocation {
            outcome
            status
            startedAt
            durationMs
          }
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
}
`,
    variables: json({ app: "demo" }),
  },
  {
    title: "Mint a token",
    about: "For a program that deploys to one app. The secret is shown this once.",
    query: `mutation MintToken($input: TokenCreateInput!) {
  tokenCreate(input: $input) {
    ... on TokenCreateSuccess {
      secret
      token {
        name
        scopes
        expiresAt
      }
    }
    ... on InvalidInputError {
      fields {
        field
        message
      }
    }
    ... on Error {
      code
      message
    }
  }
}
`,
    variables: json({ input: { name: "deploys of demo", scopes: ["DEPLOY"], app: "demo" } }),
  },
  {
    title: "Who changed what",
    about: "The newest entries of an app's audit log; its owners may read it.",
    query: `query Audit($app: String!) {
  app(name: $app) {
    auditEntries(last: 20) {
      edges {
        node {
          at
          action
          target
          address
          actor
          before
          after
        }
      }
    }
  }
}
`,
    variables: json({ app: "demo" }),
  },
  {
    title: "Newest log records",
    about: "The last ten lines of a script, and where a live tail goes on.",
    query: `query Logs($app: String!, $script: String!) {
  script(app: $app, name: $script) {
    logRecords(last: 10) {
      edges {
        node {
          loggedAt
          level
          stream
          text
          invocationId
        }
      }
      liveCursor
    }
  }
}
`,
    variables: json({ app: "demo", script: "hello" }),
  },
  {
    title: "Follow a log",
    about: "Runs until you stop it. Call the script and watch.",
    query: `subscription Follow($app: String!) {
  logRecordAppended(app: $app) {
    cursor
    lagged
    logRecord {
      loggedAt
      level
      text
      script {
        name
      }
    }
  }
}
`,
    variables: json({ app: "demo" }),
  },
  {
    title: "Watch invocations",
    about: "Every run as it ends, with its outcome and how long it took.",
    query: `subscription Watch($app: String!) {
  invocationFinished(app: $app) {
    invocation {
      invocationId
      method
      path
      status
      outcome
      durationMs
      queueMs
      cold
      error
    }
  }
}
`,
    variables: json({ app: "demo" }),
  },
];
