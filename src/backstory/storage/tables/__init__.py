"""What all stores on SQL do with their tables: one body of code, the SQL is each store's own.

The code asks a `Database` for rows by named queries, and never knows what answers. Every
statement about a tenant's rows has the tenant's number as its first parameter.
"""
