package whatchanged

import (
	"context"
	"errors"
	"fmt"
)

// A Code is the kind of a refusal. The same word is used by GraphQL
// (extensions.code), MCP (structuredContent.code), the command line and HTTP
// problem details. There is no FORBIDDEN: what one may not see is NOT_FOUND.
type Code string

// Every code there is. [Codes] says what each becomes on each surface.
const (
	CodeInvalidArgument Code = "INVALID_ARGUMENT"
	CodeNotFound        Code = "NOT_FOUND"
	CodeAmbiguous       Code = "AMBIGUOUS"
	CodeTooLarge        Code = "TOO_LARGE"
	CodeStale           Code = "STALE"
	CodeCursorExpired   Code = "CURSOR_EXPIRED"
	CodeRateLimited     Code = "RATE_LIMITED"
	CodeUnavailable     Code = "UNAVAILABLE"
	CodeUnauthenticated Code = "UNAUTHENTICATED"
	CodeInternal        Code = "INTERNAL"
)

// A Meaning is what a [Code] becomes outside.
type Meaning struct {
	HTTP int    // HTTP status
	Exit int    // exit status of the command line
	Text string // what the caller should understand
}

// Codes is the one table from codes to what each surface says. Exit statuses
// 64 to 77 follow sysexits.h where it has a word for the case.
var Codes = map[Code]Meaning{
	CodeInvalidArgument: {400, 2, "the question or delivery is not well formed; correct it and ask again"},
	CodeNotFound:        {404, 3, "nothing of that name is known here"},
	CodeAmbiguous:       {409, 4, "the name means several things; choose one of those listed"},
	CodeTooLarge:        {413, 5, "more was sent or asked for than the limits allow"},
	CodeStale:           {409, 6, "the index has not yet seen the position asked for; ask again"},
	CodeCursorExpired:   {410, 7, "the cursor's position is no longer kept; start again without it"},
	CodeRateLimited:     {429, 75, "too many at once; wait and ask again"},
	CodeUnavailable:     {503, 69, "a part that is needed for this is away; ask again later"},
	CodeUnauthenticated: {401, 77, "say who you are"},
	CodeInternal:        {500, 70, "a fault of ours; the log has the rest"},
}

// An Error is a refusal that the caller can act on. Its message is written
// for them: the value, what was wanted, and an example.
type Error struct {
	Code    Code
	Field   string   // the argument or payload field at fault, if one is
	Message string   // never holds internal text
	Suggest []string // what may have been meant
	err     error
}

// The kinds of failure as sentinels, for errors.Is.
var (
	ErrInvalid         = &Error{Code: CodeInvalidArgument}
	ErrNotFound        = &Error{Code: CodeNotFound}
	ErrAmbiguous       = &Error{Code: CodeAmbiguous}
	ErrTooLarge        = &Error{Code: CodeTooLarge}
	ErrStale           = &Error{Code: CodeStale}
	ErrCursorExpired   = &Error{Code: CodeCursorExpired}
	ErrRateLimited     = &Error{Code: CodeRateLimited}
	ErrUnavailable     = &Error{Code: CodeUnavailable}
	ErrUnauthenticated = &Error{Code: CodeUnauthenticated}
)

// Errorf returns an [*Error] of the given kind. With %w it keeps a cause for
// the log; the cause's text becomes part of the message, so wrap only errors
// whose text the caller may read.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), err: errors.Unwrap(err)}
}

// In returns a copy of e that names the field at fault.
func (e *Error) In(field string) *Error {
	c := *e
	c.Field = field
	return &c
}

// Hiding returns a copy of e that keeps cause for the log and for errors.Is,
// but not in its message.
func (e *Error) Hiding(cause error) *Error {
	c := *e
	c.err = cause
	return &c
}

// Error returns the message for the caller.
func (e *Error) Error() string {
	msg := e.Message
	if msg == "" {
		msg = Codes[e.Code].Text
	}
	if e.Field != "" {
		return e.Field + ": " + msg
	}
	return msg
}

// Is reports whether target is of the same kind.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && t.Message == ""
}

// Unwrap returns the cause, which may be nil.
func (e *Error) Unwrap() error { return e.err }

// AsError returns what the outside may know of err: err's own [*Error] if it
// has one, UNAVAILABLE for a deadline or a cancelled context, and a bare
// INTERNAL for all else. It returns nil for nil.
func AsError(err error) *Error {
	var e *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return Errorf(CodeUnavailable, "no answer within the time allowed; ask for less, or again").Hiding(err)
	}
	return Errorf(CodeInternal, "internal error").Hiding(err)
}

// CodeOf returns the code of err, "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	return AsError(err).Code
}
