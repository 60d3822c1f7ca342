package transport

import (
	"mime"
	"strconv"
	"strings"
)

// The media types of responses, both in UTF-8.
const (
	mediaGraphQL = "application/graphql-response+json"
	mediaJSON    = "application/json" // legacy: the status says little
)

// negotiate picks the media type of the response to a request with the header
// accept, "" if there is none it would accept. Who does not ask for GraphQL's
// own type by name gets the legacy one, as GraphQL over HTTP demands.
func negotiate(accept string) string {
	if strings.TrimSpace(accept) == "" {
		return mediaJSON
	}
	weight := map[string]float64{}
	for part := range strings.SplitSeq(accept, ",") {
		media, param, err := mime.ParseMediaType(part)
		if err != nil || !isUTF8(param["charset"]) {
			continue
		}
		q := 1.0
		if s, ok := param["q"]; ok {
			if q, err = strconv.ParseFloat(s, 64); err != nil || !(q >= 0) {
				continue
			}
		}
		weight[media] = max(weight[media], q)
	}
	legacy, named := weight[mediaJSON]
	any, partly := weight["application/*"]
	if !partly {
		any = weight["*/*"]
	}
	if !named {
		legacy = any
	}
	own, asked := weight[mediaGraphQL]
	switch {
	case asked && own > 0 && own >= legacy:
		return mediaGraphQL
	case legacy > 0:
		return mediaJSON
	case !asked && any > 0:
		return mediaGraphQL
	}
	return ""
}

func isUTF8(charset string) bool { return charset == "" || strings.EqualFold(charset, "utf-8") }
