"""What the demo keeps: the contacts it imports, and which jobs were started."""

from django.db import models


class Contact(models.Model):
    """One row of the imported table; its e-mail address says which."""

    name = models.CharField(max_length=100)
    email = models.EmailField(unique=True)
    city = models.CharField(max_length=100)
    joined = models.DateField()

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


class Job(models.Model):
    """A task that somebody started, so that every window and every reload finds its bar."""

    task_id = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=20)
    title = models.CharField(max_length=100)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.title} ({self.task_id})"
