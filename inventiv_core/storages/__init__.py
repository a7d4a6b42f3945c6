"""The disks of rented machines, as far as providers tell of them."""
