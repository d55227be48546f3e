"use strict";
// Puts GraphiQL on the page. A link may bring a question along, as
// ?query=…&variables=…&operationName=…; it is shown and not asked, for whoever
// follows a link should see what they ask first.
{
  const prefix = "graphiql:"; // GraphiQL's own, of all it keeps

  // A token is forgotten with the page unless the settings say otherwise.
  // GraphiQL keeps it out of the tabs by itself, but not out of the history.
  const withoutHeaders = (key, value) => {
    const history = key === prefix + "queries" || key === prefix + "favorites";
    if (!history || localStorage.getItem(prefix + "shouldPersistHeaders") === "true") {
      return value;
    }
    return JSON.stringify(JSON.parse(value, (name, part) => (name === "headers" ? undefined : part)));
  };
  const kept = () => Object.keys(localStorage).filter((key) => key.startsWith(prefix));
  const storage = {
    getItem: (key) => localStorage.getItem(key),
    setItem: (key, value) => localStorage.setItem(key, withoutHeaders(key, value)),
    removeItem: (key) => localStorage.removeItem(key),
    clear: () => kept().forEach((key) => localStorage.removeItem(key)),
    get length() {
      return kept().length;
    },
  };

  const place = document.getElementById("graphiql");
  const link = new URLSearchParams(location.search);
  const guarded = "guarded" in place.dataset;
  ReactDOM.createRoot(place).render(
    React.createElement(
      GraphiQL,
      {
        fetcher: GraphiQL.createFetcher({ url: "../graphql" }),
        query: link.get("query") ?? undefined,
        variables: link.get("variables") ?? undefined,
        operationName: link.get("operationName") ?? undefined,
        defaultQuery: document.getElementById("query").content.textContent,
        storage,
        shouldPersistHeaders: false,
        defaultHeaders: guarded ? '{"Authorization": "Bearer TOKEN"}' : undefined,
        defaultEditorToolsVisibility: guarded ? "headers" : undefined,
      },
      React.createElement(GraphiQL.Logo, null, "whatchanged"),
    ),
  );
}
