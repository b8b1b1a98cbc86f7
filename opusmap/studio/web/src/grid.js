// The virtual grid of rejected rows.
