//go:build ignore

// Command entc generates ent. It is run by "go generate ./ent" only.
package main

import (
	"log"

	"entgo.io/contrib/entgql"
	"entgo.io/ent/entc"
	"entgo.io/ent/entc/gen"
)

func main() {
	// Paging, collection and node only: the SDL in schema/ is written by hand,
	// and no filter or input is generated.
	gql, err := entgql.NewExtension(entgql.WithConfigPath("../gqlgen.yml"))
	if err != nil {
		log.Fatalf("entgql: %v", err)
	}
	err = entc.Generate("./schema", &gen.Config{
		Features: []gen.Feature{
			gen.FeatureLock, gen.FeatureExecQuery, gen.FeatureVersionedMigration, gen.FeatureIntercept,
		},
	}, entc.Extensions(gql))
	if err != nil {
		log.Fatalf("entc: %v", err)
	}
}
