package auth

import (
	"encoding/json"
	"net/http"
)

// wellKnown is where a protected resource tells of itself (RFC 9728, section
// 3.1): a path of ours follows it.
const wellKnown = "/.well-known/oauth-protected-resource"

// mcpPath is that of the one surface whose clients read the metadata, and want
// it to be of the very address that they ask.
const mcpPath = "/mcp"

// Metadata answers below /.well-known/: whose tokens are wanted, for the server
// and for its MCP surface. It needs no token. Without an issuer there is
// nothing to tell.
func (c Config) Metadata() http.Handler {
	mux := http.NewServeMux()
	if c.Issuer == nil {
		return mux
	}
	for _, path := range []string{"", mcpPath} {
		body, err := json.Marshal(c.Issuer.metadata(path))
		if err != nil {
			panic(err) // made of strings
		}
		mux.HandleFunc("GET "+wellKnown+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Cache-Control", "public, max-age=300")
			_, _ = w.Write(body)
		})
	}
	return mux
}

// metadata is what the document says of one of our addresses.
func (i *Issuer) metadata(path string) map[string]any {
	m := map[string]any{
		"resource":                 i.Public + path,
		"resource_name":            "whatchanged",
		"authorization_servers":    []string{i.URL},
		"bearer_methods_supported": []string{"header"},
	}
	if len(i.Scopes) > 0 {
		m["scopes_supported"] = i.Scopes
	}
	return m
}

// metadataOf returns where the metadata of what was asked for stands.
func (i *Issuer) metadataOf(path string) string {
	if path != mcpPath {
		path = ""
	}
	return i.Public + wellKnown + path
}
