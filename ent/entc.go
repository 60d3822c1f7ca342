//go:build ignore

// Command entc generates ent. It is run by "go generate ./ent" only.
package main

import (
	"log"

	"entgo.io/ent/entc"
	"entgo.io/ent/entc/gen"
)

func main() {
	err := entc.Generate("./schema", &gen.Config{
		Features: []gen.Feature{gen.FeatureLock, gen.FeatureExecQuery, gen.FeatureIntercept},
	})
	if err != nil {
		log.Fatalf("entc: %v", err)
	}
}
