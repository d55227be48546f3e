package graph

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"whatchanged.dev/whatchanged"
)

// methods are those a request may have.
var methods = []string{http.MethodGet, http.MethodPost, http.MethodOptions}

// The media types of a single answer, and that of a stream of them.
const (
	typeJSON     = "application/json"
	typeResponse = "application/graphql-response+json"
	typeStream   = "text/event-stream"
)

// conform closes the gaps between gqlgen's transports and the GraphQL-over-HTTP
// specification. What cannot be a request is refused here, in our words and
// with a code, before gqlgen reads it: gqlgen would repeat the body in its
// error. Answers are corrected by [conforming].
func conform(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			upgrade(w, r, next)
			return
		}
		status, err := acceptable(w, r)
		if err != nil {
			refuse(w, r, status, err)
			return
		}
		if streamed(r) {
			next.ServeHTTP(newStream(w), r.WithContext(asStream(r.Context())))
			return
		}
		c := &conforming{ResponseWriter: w, method: r.Method}
		next.ServeHTTP(c, r.WithContext(withAnswer(r.Context(), c)))
		c.finish()
	})
}

// acceptable returns why a request cannot be one, and the status that says so.
// The body it leaves is read, and is JSON.
func acceptable(w http.ResponseWriter, r *http.Request) (int, error) {
	if !slices.Contains(methods, r.Method) {
		w.Header().Set("Allow", strings.Join(methods, ", "))
		return http.StatusMethodNotAllowed, invalid("want POST, or GET for a query")
	}
	if r.Method == http.MethodOptions {
		return 0, nil
	}
	if !answerable(r) {
		return http.StatusNotAcceptable, invalid("Accept: want %s or %s; for a subscription by POST %s", typeResponse, typeJSON, typeStream)
	}
	if r.Method == http.MethodGet {
		return http.StatusBadRequest, inAddress(r.URL.RawQuery)
	}
	if mt, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mt != typeJSON {
		return http.StatusUnsupportedMediaType, invalid("Content-Type: want %s", typeJSON)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return http.StatusRequestEntityTooLarge, whatchanged.Errorf(whatchanged.CodeTooLarge, "request body: want at most 1 MiB")
	}
	if err != nil {
		return http.StatusBadRequest, invalid("the request body cannot be read to its end")
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return http.StatusBadRequest, inBody(body)
}

func invalid(format string, args ...any) *whatchanged.Error {
	return whatchanged.Errorf(whatchanged.CodeInvalidArgument, format, args...)
}

// A request is what a body may hold.
type request struct {
	Query         string         `json:"query"`
	OperationName string         `json:"operationName"`
	Variables     map[string]any `json:"variables"`
	Extensions    map[string]any `json:"extensions"`
}

// inBody returns what is wrong with a body, never the body itself: it may hold
// what should not stand in a log.
func inBody(body []byte) error {
	err := json.Unmarshal(body, &request{})
	var syntax *json.SyntaxError
	var shape *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax):
		return invalid(`the request body is not JSON from byte %d on: want one object, such as {"query": "{ __typename }"}`, syntax.Offset)
	case errors.As(err, &shape) && shape.Field != "":
		return invalid("%s: %s does not fit; want text for query and operationName, an object for variables and extensions", shape.Field, shape.Value)
	}
	return invalid(`the request body: want one object, such as {"query": "{ __typename }"}; operations are sent one at a time`)
}

// inAddress returns what is wrong with the parameters of a GET.
func inAddress(raw string) error {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return invalid("the address: want its parameters percent-encoded")
	}
	for _, name := range []string{"variables", "extensions"} {
		var object map[string]any
		if v := values.Get(name); v != "" && json.Unmarshal([]byte(v), &object) != nil {
			return invalid("%s: want a JSON object", name)
		}
	}
	return nil
}

// accepted returns the media types that a request accepts.
func accepted(r *http.Request) []string {
	var all []string
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		if mt, _, err := mime.ParseMediaType(part); err == nil {
			all = append(all, mt)
		}
	}
	return all
}

// answerable reports whether the client accepts something that can be given.
func answerable(r *http.Request) bool {
	types := accepted(r)
	return len(types) == 0 || streamed(r) || slices.ContainsFunc(types, func(mt string) bool {
		return mt == typeJSON || mt == typeResponse || mt == "*/*" || mt == "application/*"
	})
}

// streamed reports whether the answer is to be a stream of server-sent events.
// Some clients list that type last on ordinary queries, so it must stand
// without JSON.
func streamed(r *http.Request) bool {
	types := accepted(r)
	return r.Method == http.MethodPost && slices.Contains(types, typeStream) && !slices.Contains(types, typeJSON) && !slices.Contains(types, typeResponse)
}

func refuse(w http.ResponseWriter, r *http.Request, status int, err error) {
	e := whatchanged.AsError(err)
	contentType := typeJSON
	if types := accepted(r); slices.Contains(types, typeResponse) && !slices.Contains(types, typeJSON) {
		contentType = typeResponse
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "%s", must(json.Marshal(map[string]any{"errors": []any{
		map[string]any{"message": e.Error(), "extensions": map[string]any{"code": e.Code}}}})))
}

// must returns what cannot fail.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
