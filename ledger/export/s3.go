// Package export keeps a copy of the public log in an object store that speaks
// S3, from where it is served without us.
//
// What it keeps: nothing; what it writes is public.
//
// Trust: it handles the store's credentials, which come from the environment or
// from AWS' credentials file and never from a flag, an address or a log line.
// The store is believed in nothing: what it gives back is compared.
package export

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger/verify/mirror"
)

// Cache headers of c2sp.org/tlog-tiles, which the store gives to readers.
const (
	fresh  = "no-cache"
	always = "public, max-age=31536000, immutable"
)

// Open gives the target at a place: "s3://bucket/prefix", or a folder. Endpoint
// is the store's address, "" for Amazon's.
func Open(place, endpoint string) (mirror.Target, error) {
	if !strings.HasPrefix(place, "s3://") {
		if strings.Contains(place, "://") {
			return nil, &postern.Error{Kind: postern.Invalid, Text: place + " is neither a folder nor s3://bucket/prefix"}
		}
		return mirror.Folder(place)
	}
	u, err := url.Parse(place)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return nil, &postern.Error{Kind: postern.Invalid, Text: "a place in an object store is s3://bucket/prefix, and its credentials stand in the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)"}
	}
	host, secure, err := address(endpoint)
	if err != nil {
		return nil, err
	}
	client, err := minio.New(host, &minio.Options{
		Secure: secure, Region: os.Getenv("AWS_REGION"),
		Creds: credentials.NewChainCredentials([]credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{Client: http.DefaultClient}}),
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't use the object store: %w", err)
	}
	prefix := strings.Trim(u.Path, "/")
	if prefix != "" {
		prefix += "/"
	}
	return &store{client, u.Host, prefix}, nil
}

// address takes an endpoint apart. Without TLS it must be this machine: the
// copy is public, the signature that writes it is not.
func address(endpoint string) (host string, secure bool, err error) {
	if endpoint == "" {
		return "s3.amazonaws.com", true, nil
	}
	u, err := url.Parse(endpoint)
	if err == nil && u.Host != "" && u.Path == "" || err == nil && u.Path == "/" {
		name := u.Hostname()
		ip := net.ParseIP(name)
		switch {
		case u.Scheme == "https":
			return u.Host, true, nil
		case u.Scheme == "http" && (name == "localhost" || ip != nil && ip.IsLoopback()):
			return u.Host, false, nil
		}
	}
	return "", false, &postern.Error{Kind: postern.Invalid, Text: "the endpoint of an object store is https://HOST, or http:// on this machine"}
}

type store struct {
	client *minio.Client
	bucket string
	prefix string
}

// Get is part of [mirror.Source].
func (s *store) Get(ctx context.Context, path string, limit int64) ([]byte, error) {
	o, err := s.client.GetObject(ctx, s.bucket, s.prefix+path, minio.GetObjectOptions{})
	if err != nil {
		return nil, s.failed(path, err)
	}
	defer o.Close()
	b, err := io.ReadAll(io.LimitReader(o, limit+1))
	if err != nil {
		return nil, s.failed(path, err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s is longer than %d bytes", path, limit)
	}
	return b, nil
}

// Put is part of [mirror.Target].
func (s *store) Put(ctx context.Context, path string, b []byte) error {
	o := minio.PutObjectOptions{ContentType: "application/octet-stream", CacheControl: always}
	if !strings.HasPrefix(path, "tile/") {
		o.ContentType, o.CacheControl = "text/plain; charset=utf-8", fresh
	}
	_, err := s.client.PutObject(ctx, s.bucket, s.prefix+path, bytes.NewReader(b), int64(len(b)), o)
	return s.failed(path, err)
}

// Full is part of [mirror.Target]: parts of a tile stay, for an object store is
// listed at a price and the parts are small; a rule of the store's may drop them.
func (s *store) Full(context.Context, string) error { return nil }

func (s *store) failed(path string, err error) error {
	switch r := minio.ToErrorResponse(err); {
	case err == nil:
		return nil
	case r.Code == "NoSuchKey":
		return fs.ErrNotExist
	case r.Code == "NoSuchBucket":
		return &postern.Error{Kind: postern.NotFound, Text: "there is no bucket " + s.bucket + ": make it first, readable by everybody"}
	case r.StatusCode == http.StatusForbidden:
		return &postern.Error{Kind: postern.Denied, Text: "the object store refuses: check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and the bucket's rights", Err: err}
	default:
		return fmt.Errorf("couldn't reach %s in the object store: %w", path, err)
	}
}
