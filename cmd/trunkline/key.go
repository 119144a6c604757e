package main

import (
	"fmt"

	"trunkline/access"
)

// keyCmd makes a key for the API and the pages. The gateway keeps its hash
// alone, so the key is shown this once.
type keyCmd struct {
	Name string `arg:"" help:"Who holds it; stands in the records of what was done."`
	Role string `required:"" enum:"viewer,operator,compliance,admin" help:"What it is for: ${enum}." placeholder:"ROLE"`
}

func (k *keyCmd) Run(std *streams) error {
	key := access.NewKey()
	fmt.Fprintf(std.out, "The key of %s, shown this once:\n\n  %s\n\n", k.Name, key)
	fmt.Fprintf(std.out, "For the configuration, under http:\n\n  keys:\n    - name: %q\n      role: %s\n      sha256: %s\n\n",
		k.Name, k.Role, access.SumOf(key))
	_, err := fmt.Fprintf(std.out, "Programs send it as Authorization: Bearer KEY, a browser as the password of any user, trunkline's own commands read it from %s.\n", apiKeyEnv)

	return err
}
