// Package remote asks a whatchanged server over its own HTTP surface, and sends
// it events.
package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/graph/schema"
	"whatchanged.dev/whatchanged/resolvers"
)

// A Server is one that runs elsewhere.
type Server struct {
	URL   string // as http://127.0.0.1:8080
	Token string // bearer token; "" for none
	Agent string // how we name ourselves
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 20

// Ask answers a question, with arguments as the schema has them.
func (s Server) Ask(ctx context.Context, q resolvers.Question, args map[string]any) (resolvers.Answered, error) {
	body, err := json.Marshal(map[string]any{"query": schema.Query(q.Field), "variables": map[string]any{"input": args}})
	if err != nil {
		return nil, err
	}
	res, err := s.Post(ctx, "/graphql", http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}}, body)
	if err != nil {
		return nil, err
	}
	var out struct {
		Data   map[string]json.RawMessage `json:"data"`
		Errors []struct {
			Message    string `json:"message"`
			Extensions struct {
				Code    whatchanged.Code `json:"code"`
				Field   string           `json:"field"`
				Suggest []string         `json:"suggest"`
			} `json:"extensions"`
		} `json:"errors"`
		Detail string           `json:"detail"`
		Code   whatchanged.Code `json:"code"`
	}
	if err := json.Unmarshal(res.Body, &out); err != nil {
		return nil, whatchanged.Errorf(whatchanged.CodeUnavailable, "%s answered %d with something else than JSON", s.URL, res.Status).In("server").Hiding(err)
	}
	switch {
	case len(out.Errors) > 0:
		e := out.Errors[0]
		if _, ok := whatchanged.Codes[e.Extensions.Code]; !ok {
			e.Extensions.Code = whatchanged.CodeInternal // of another version, or no whatchanged at all
		}
		message := strings.TrimPrefix(e.Message, e.Extensions.Field+": ")
		return nil, &whatchanged.Error{Code: e.Extensions.Code, Field: e.Extensions.Field, Message: message, Suggest: e.Extensions.Suggest}
	case out.Code != "":
		return nil, &whatchanged.Error{Code: out.Code, Message: out.Detail}
	case out.Data[q.Field] == nil:
		return nil, whatchanged.Errorf(whatchanged.CodeUnavailable, "%s answered %d without an answer", s.URL, res.Status).In("server")
	}
	return q.Decode(out.Data[q.Field])
}

// A Response is a server's answer to a request.
type Response struct {
	Status int
	Body   []byte
}

// Post sends a body to a path of the server and reads its answer.
func (s Server) Post(ctx context.Context, path string, header http.Header, body []byte) (Response, error) {
	res, err := s.open(ctx, path, header, body)
	if err != nil {
		return Response{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	return Response{res.StatusCode, b}, err
}

func (s Server) open(ctx context.Context, path string, header http.Header, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(s.URL, "/")+path, bytes.NewReader(body))
	if err != nil {
		return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%q: want the address of a server, such as http://127.0.0.1:8080", s.URL).In("server")
	}
	if header != nil {
		req.Header = header.Clone()
	}
	req.Header.Set("User-Agent", s.Agent)
	if s.Token != "" {
		req.Header.Set("Authorization", "Bearer "+s.Token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, errors.Join(ctx.Err(), err)
		}
		return nil, whatchanged.Errorf(whatchanged.CodeUnavailable, "no answer from %s: %v", s.URL, err).In("server")
	}
	return res, nil
}

// Call posts v as JSON to a path of the server and reads what it answers.
func (s Server) Call(ctx context.Context, path string, v, answer any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	res, err := s.Post(ctx, path, http.Header{"Content-Type": {"application/json"}}, body)
	if err != nil {
		return err
	}
	if res.Status/100 == 2 {
		return json.Unmarshal(res.Body, answer)
	}
	var problem struct {
		Code   whatchanged.Code `json:"code"`
		Detail string           `json:"detail"`
	}
	if json.Unmarshal(res.Body, &problem) != nil || problem.Code == "" {
		return whatchanged.Errorf(whatchanged.CodeUnavailable, "%s answered %d to %s: is it of the same version?", s.URL, res.Status, path).In("server")
	}
	return &whatchanged.Error{Code: problem.Code, Message: problem.Detail}
}

// Open sends a message to the server's MCP surface and returns its response.
func (s Server) Open(ctx context.Context, header http.Header, message []byte) (*http.Response, error) {
	return s.open(ctx, "/mcp", header, message)
}
