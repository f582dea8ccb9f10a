package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/postern-mail/postern/staff"
)

// operationOf is an operation before it has its scope.
func operationOf(tag, id, method, path, summary string) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: "/api/v1" + path, Summary: summary, Tags: []string{tag}}
}

// answers registers an operation that gives something back.
func answers[I, T any](r rooms, api huma.API, scope string, o huma.Operation, f func(context.Context, staff.Session, *I) (T, error)) {
	huma.Register(api, operation(o, scope), func(ctx context.Context, in *I) (*reply[T], error) {
		out, err := f(ctx, session(ctx), in)
		if err != nil {
			return nil, r.failed(ctx, err)
		}
		return &reply[T]{out}, nil
	})
}

// acts registers an operation that does something and has nothing to say.
func acts[I any](r rooms, api huma.API, scope string, o huma.Operation, f func(context.Context, staff.Session, *I) error) {
	o.DefaultStatus = http.StatusNoContent
	huma.Register(api, operation(o, scope), func(ctx context.Context, in *I) (*struct{}, error) {
		if err := f(ctx, session(ctx), in); err != nil {
			return nil, r.failed(ctx, err)
		}
		return nil, nil
	})
}
