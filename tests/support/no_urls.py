"""A site that forgot to include the addresses of the app."""

urlpatterns = []
