package web

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"sync"
)

// The description of the API: openapi/base.json, and one file of paths and schemas for each group of
// acts, so that who adds a group touches nobody else's.
//
//go:embed openapi/*.json
var openAPIParts embed.FS

// openAPI describes every route and field; a test holds the two together. Joined when it is first asked for: most commands
// end without.
var openAPI = sync.OnceValue(func() []byte { return joinOpenAPI(openAPIParts) })

// joinOpenAPI puts the parts together. It panics when two say the same thing: a programmer's mistake.
func joinOpenAPI(parts fs.FS) []byte {
	names, err := fs.Glob(parts, "openapi/*.json")
	if err != nil {
		panic(err)
	}
	whole, paths, schemas := map[string]any{}, map[string]any{}, map[string]any{}
	for _, name := range names {
		data, err := fs.ReadFile(parts, name)
		if err != nil {
			panic(err)
		}
		part := map[string]any{}
		if err := json.Unmarshal(data, &part); err != nil {
			panic(fmt.Errorf("%s: %w", name, err))
		}
		merge(name, paths, part["paths"])
		if name != "openapi/base.json" {
			merge(name, schemas, part["schemas"])
			continue
		}
		whole = part
		components := part["components"].(map[string]any) //nolint:forcetypeassert // our own file; a panic is what a mistake in it deserves
		merge(name, schemas, components["schemas"])
		components["schemas"] = schemas
	}
	whole["paths"] = paths
	joined, err := json.MarshalIndent(whole, "", " ")
	if err != nil {
		panic(err)
	}
	return append(joined, '\n')
}

func merge(name string, into map[string]any, from any) {
	entries, _ := from.(map[string]any)
	for key, value := range entries {
		if _, twice := into[key]; twice {
			panic(fmt.Sprintf("%s describes %s a second time", name, key))
		}
		into[key] = value
	}
}
