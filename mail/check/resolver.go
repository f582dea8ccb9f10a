package check

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
)

// A Resolver asks the DNS; *net.Resolver is one.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
	LookupMX(ctx context.Context, name string) ([]*net.MX, error)
	LookupIPAddr(ctx context.Context, host string) ([]net.IPAddr, error)
	LookupAddr(ctx context.Context, addr string) ([]string, error)
}

// bounded is a resolver for one message: past its budget, or its time, every
// answer is "not now". Strangers write the messages and the records, so they
// would otherwise choose how much is asked.
type bounded struct {
	Resolver
	asked atomic.Int32
}

func (b *bounded) LookupTXT(ctx context.Context, name string) ([]string, error) {
	return ask(b, ctx, name, b.Resolver.LookupTXT)
}

func (b *bounded) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	return ask(b, ctx, name, b.Resolver.LookupMX)
}

func (b *bounded) LookupIPAddr(ctx context.Context, host string) ([]net.IPAddr, error) {
	return ask(b, ctx, host, b.Resolver.LookupIPAddr)
}

func (b *bounded) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	return ask(b, ctx, addr, b.Resolver.LookupAddr)
}

// ask gives every failure as a *net.DNSError, which is what the libraries tell
// a temporary failure from a lasting one by. What it does not know is temporary:
// that never turns into a verdict against a message.
func ask[T any](b *bounded, ctx context.Context, name string, look func(context.Context, string) (T, error)) (T, error) {
	var nothing T
	if b.asked.Add(1) > lookupsMost {
		return nothing, &net.DNSError{Err: "too many lookups for one message", Name: name, IsTemporary: true}
	}
	found, err := look(ctx, name)
	if err == nil {
		return found, nil
	}
	var dns *net.DNSError
	if errors.As(err, &dns) && ctx.Err() == nil {
		return nothing, dns
	}
	return nothing, &net.DNSError{Err: err.Error(), Name: name, IsTemporary: true}
}
