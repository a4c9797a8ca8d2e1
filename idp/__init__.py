"""The province's identity provider, built as a tower: each floor imports only the floors below it.

app, cli                what knows everything: builds the runtime, the database, the pages
web                     HTTP, cookies, forms, pages
flows | protocol        what people do | what relying services do (the only floor that knows Authlib)
storage                 the schema and all SQL; takes and gives domain values
domain | runtime        values and rules | clock, chance, keys, the outside world
"""
