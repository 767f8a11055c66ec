"""What calls cost: the price book, names of models, charges, in integers. Values in, values out."""
